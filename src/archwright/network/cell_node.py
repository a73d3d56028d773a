"""A node of a cell: the sum of operations on earlier states."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.architecture.cell_graph import Node
from archwright.ops.candidate_operations import Zero, candidate
from archwright.ops.drop_path import DropPath


class NodeModule(nn.Module):
    """The sum of a node's operations, with drop-path on all but the identity; zeros if it has none.

    states: (B, C, ...) each. last: the cell's input, which defines the size. Returns (B, C, ...).
    """

    def __init__(
        self, node: Node, dimensions: int, channels: int, strides: tuple[int, ...], *, normalise_pools: bool = False
    ) -> None:
        super().__init__()
        self.sources = [state for state, _ in node.edges]
        self.edges = nn.ModuleList(
            _edge(candidate(name, dimensions, channels, strides[state], normalise_pools=normalise_pools))
            for state, name in node.edges
        )
        self.zero = Zero(channels, strides[0])

    @property
    def operations(self) -> list[nn.Module]:
        """The operation of each edge, without drop-path."""
        return [edge if isinstance(edge, nn.Identity) else next(edge.children()) for edge in self.edges]

    def forward(self, states: list[Tensor], last: Tensor) -> Tensor:
        terms = [edge(states[source]) for edge, source in zip(self.edges, self.sources, strict=True)]
        total: Tensor = sum(terms[1:], terms[0]) if terms else self.zero(last)
        return total


def _edge(operation: nn.Module) -> nn.Module:
    return operation if isinstance(operation, nn.Identity) else nn.Sequential(operation, DropPath())
