"""A node of a cell: the sum of operations on earlier states."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.architecture.cell_graph import Node
from archwright.ops.candidates import Zero, candidate
from archwright.ops.drop_path import DropPath


class NodeModule(nn.Module):
    """The sum of a node's operations, each but the identity under drop-path; zeros where it has none.

    states: (B, C, ...) each. last: the cell's input, for the size. Returns (B, C, ...).
    """

    def __init__(self, node: Node, dimensions: int, channels: int, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.sources = [state for state, _ in node.edges]
        self.edges = nn.ModuleList(_edge(name, dimensions, channels, strides[state]) for state, name in node.edges)
        self.zero = Zero(channels, strides[0])

    def forward(self, states: list[Tensor], last: Tensor) -> Tensor:
        terms = [edge(states[source]) for edge, source in zip(self.edges, self.sources, strict=True)]
        total: Tensor = sum(terms[1:], terms[0]) if terms else self.zero(last)
        return total


def _edge(name: str, dimensions: int, channels: int, stride: int) -> nn.Module:
    operation = candidate(name, dimensions, channels, stride)
    return operation if isinstance(operation, nn.Identity) else nn.Sequential(operation, DropPath())
