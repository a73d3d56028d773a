"""A network as a directed graph with a label on each node, for models that compare graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archwright.architecture.cell_expression import Expression, Term, expressions, term_counts
from archwright.architecture.cell_graph import CellGraph
from archwright.architecture.layer_graph import LayerGraph
from archwright.architecture.question import Option


@dataclass(frozen=True)
class LabelledGraph:
    """`labels[i]` is the label of node i; an edge (i, j) says that node j reads node i."""

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


def graph_of_answers(answers: Mapping[str, Option]) -> LabelledGraph:
    """A chain with a node for each answer, in the order of the questions: the default of any space."""
    return graph_of_chain([f"{name.rpartition('/')[2]}={answer!r}" for name, answer in answers.items()])


def graph_of_chain(labels: Sequence[str]) -> LabelledGraph:
    """Nodes with these labels, each read by the next."""
    return LabelledGraph(tuple(labels), tuple((i, i + 1) for i in range(len(labels) - 1)))


def graph_of_layers(graph: LayerGraph) -> LabelledGraph:
    """Per layer, a node for its operation, labelled with the number of halvings, and one for the sum if it adds skips."""
    labels = ["input"]
    edges: list[tuple[int, int]] = []
    node_of_state, levels = [0], graph.levels  # the node of each state, and how often it has been halved
    for k, layer in enumerate(graph.layers, 1):
        edges.append((node_of_state[k - 1], len(labels)))
        labels.append(f"{layer.operation} at {levels[k]}")
        if layer.skips:
            edges += [(source, len(labels)) for source in (len(labels) - 1, *(node_of_state[j] for j in layer.skips))]
            labels.append("sum")
        node_of_state.append(len(labels) - 1)
    return LabelledGraph(tuple(labels), tuple(edges))


def graph_of_cells(cells: Mapping[str, CellGraph], outputs: Mapping[str, int]) -> LabelledGraph:
    """A node for each input, operation and output in the cells' expressions (no skips or dead nodes); cells are not connected.

    cells: by name, the prefix of their labels. outputs: how many of the last states make up each cell's output.
    """
    labels: list[str] = []
    edges: list[tuple[int, int]] = []
    for name, cell in cells.items():
        last = expressions(cell)[-outputs[name] :]
        nodes: dict[Term, list[int]] = {}
        for term, times in sorted(term_counts(last).items()):
            nodes[term] = list(range(len(labels), len(labels) + times))
            labels += [f"{name} {term[0]}"] * times
        for (_, operand), readers in nodes.items():
            edges += [(source, reader) for reader in readers for source in _read(operand, nodes)]
        for output in last:
            edges += [(source, len(labels)) for source in _read(output, nodes)]
            labels.append(f"{name} output")
    return LabelledGraph(tuple(labels), tuple(edges))


def _read(expression: Expression, nodes: Mapping[Term, list[int]]) -> list[int]:
    """The nodes that a sum reads: the first of a term's nodes for its first occurrence, and so on."""
    seen: dict[Term, int] = {}
    read = []
    for term in expression:
        read.append(nodes[term][seen.setdefault(term, 0)])
        seen[term] += 1
    return read
