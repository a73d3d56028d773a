"""A cell as a graph, and when two cells are the same. Pure data, from which networks are built and drawings made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NONE = "none"


@dataclass(frozen=True)
class Node:
    """The sum of operations on earlier states: `operations[i]` reads state `inputs[i]`."""

    inputs: tuple[int, ...]
    operations: tuple[str, ...]

    @property
    def edges(self) -> tuple[tuple[int, str], ...]:
        """(state, operation) of each connection; `none` is not a connection."""
        return tuple((state, op) for state, op in zip(self.inputs, self.operations, strict=True) if op != NONE)


@dataclass(frozen=True)
class CellGraph:
    """States 0 to `inputs` - 1 are the cell's inputs; each node adds the next state."""

    name: str
    inputs: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class CellPair:
    """The cells that a network stacks: one keeps the resolution, one halves it (None: the normal cell at stride 2)."""

    normal: CellGraph
    reduction: CellGraph | None = None


Code = tuple[tuple[int, str], ...]


def canonical_form(cell: CellGraph) -> tuple[Code, ...]:
    """Equal for two cells exactly if they differ only in the order of their nodes and of the edges into a node.

    Nodes are placed one by one, each time one with the smallest code (its edges, with sources as places assigned so far). If
    several nodes share that code, each is tried, and the smallest form wins; of twins, read by the same nodes in the same way, one
    is tried. Valid for cells whose nodes are all part of the output (concatenated), as those of NASNet, PNAS, ENAS and DARTS are
    here.
    """
    edges = {cell.inputs + i: node.edges for i, node in enumerate(cell.nodes)}
    return _smallest_form(edges, {i: i for i in range(cell.inputs)})


def _smallest_form(edges: dict[int, Code], places: dict[int, int]) -> tuple[Code, ...]:
    if not edges:
        return ()
    ready = {node: _code(code, places) for node, code in edges.items() if all(state in places for state, _ in code)}
    smallest = min(ready.values())
    tied = [node for node, code in ready.items() if code == smallest]
    forms = []
    for node in _without_twins(tied, edges):
        rest = {other: code for other, code in edges.items() if other != node}
        forms.append((smallest, *_smallest_form(rest, {**places, node: len(places)})))
    return min(forms)


def _code(edges: Code, places: dict[int, int]) -> Code:
    return tuple(sorted((places[state], op) for state, op in edges))


def _without_twins(tied: Sequence[int], edges: dict[int, Code]) -> Iterator[int]:
    """Omits nodes that are read exactly as an earlier one is: swapping such twins changes nothing."""
    seen = set()
    for node in tied:
        readers = tuple(sorted((reader, op) for reader, code in edges.items() for state, op in code if state == node))
        if readers not in seen:
            seen.add(readers)
            yield node
