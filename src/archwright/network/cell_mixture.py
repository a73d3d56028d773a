"""The edges of cells that mix all candidates, and the architectures that keep some of them (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.architecture.cell_graph import CellGraph, CellPair, Node
from archwright.errors import InputError
from archwright.formatting import plural
from archwright.network.supernet import Choice, Edge, Mixture

INPUTS = 2
"""A cell's inputs: the outputs of the two cells before it."""
KEPT = 2
"""The edges into each node that an architecture keeps."""


def cell_mixture(kinds: Sequence[str], blocks: int, candidates: tuple[str, ...]) -> Mixture:
    """The edges from every earlier state to every node, one kind of cell after the other, node by node."""
    nodes = [(kind, target) for kind in kinds for target in range(INPUTS, INPUTS + blocks)]
    edges = [Edge(f"{kind}/{state}->{target}", candidates, f"{kind}/{target}") for kind, target in nodes for state in range(target)]
    return Mixture(tuple(edges), {f"{kind}/{target}": KEPT for kind, target in nodes})


def connections(cells: CellPair) -> list[tuple[str, str]]:
    """(name of the edge, candidate) for each connection of the cells."""
    return [
        (f"{cell.name}/{state}->{INPUTS + number}", operation)
        for cell in (cells.normal, cells.reduction)
        if cell is not None
        for number, node in enumerate(cell.nodes)
        for state, operation in zip(node.inputs, node.operations, strict=True)
    ]


def chosen_cells(kinds: Sequence[str], blocks: int, choice: Choice) -> CellPair:
    """The inverse of `connections`. Raises InputError unless two edges into each node are chosen."""
    targets = range(INPUTS, INPUTS + blocks)
    normal, *reduction = [CellGraph(kind, INPUTS, tuple(_node(kind, target, choice) for target in targets)) for kind in kinds]
    return CellPair(normal, reduction[0] if reduction else None)


def _node(kind: str, target: int, choice: Choice) -> Node:
    kept = [(state, choice[name]) for state in range(target) if (name := f"{kind}/{state}->{target}") in choice]
    if len(kept) != KEPT:
        raise InputError(f"node {kind}/{target} has {plural(len(kept), 'edge')}: a node of space 'cell' needs exactly two")
    states, operations = zip(*kept, strict=True)
    return Node(states, operations)
