"""The features of a recurrent cell, and its graph. Cells that differ only in the order of their nodes have equal ones."""

from __future__ import annotations

from collections import Counter

from archwright.architecture.cell_features import DECAY
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph
from archwright.architecture.recurrent_cell import INPUT, RecurrentCell


def recurrent_cell_features(cell: RecurrentCell) -> Features:
    """Counts: the path to each node, and to each output node (White, Neiswanger & Savani 2021, arXiv:1910.11858, section 4).

    Long paths have less weight, as in `cell_features`. Sizes: how often each activation occurs, in the cell and on its output
    nodes; the numbers of nodes, of nodes that read the input, and of output nodes; the mean and the greatest depth of the output
    nodes.
    """
    paths = {node: cell.path(node) for node in cell.nodes}
    ends = [paths[node] for node in cell.outputs]
    counts = Counter([*map(" ".join, paths.values()), *(f"output {' '.join(path)}" for path in ends)])
    weights = {name: DECAY ** (len(path) - 1) for path in paths.values() for name in (" ".join(path), f"output {' '.join(path)}")}
    sizes: dict[str, float] = {
        **Counter(cell.activations),
        **Counter(f"output {path[-1]}" for path in ends),
        "nodes": len(paths),
        "nodes of the input": cell.sources.count(INPUT),
        "nodes of the output": len(ends),
        "mean depth": sum(map(len, ends)) / len(ends),
        "greatest depth": max(map(len, ends)),
    }
    return Features(counts, sizes, {name: weights[name] for name in counts})


def graph_of_recurrent_cell(cell: RecurrentCell) -> LabelledGraph:
    """The graph of the input, the nodes, labelled with their activations, and the output."""
    edges = [(source, node) for node, source in zip(cell.nodes, cell.sources, strict=True)]
    output = 1 + len(cell.nodes)
    return LabelledGraph(("input", *cell.activations, "output"), (*edges, *((node, output) for node in cell.outputs)))
