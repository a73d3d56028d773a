"""The nodes of a cell with all candidate operations on all edges, weighted by gates (Liu et al. 2019, arXiv:1806.09055, eq. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archwright.ops.candidates import POOLS, Zero, candidate
from archwright.ops.convolution import FactorizedReduction
from archwright.ops.partial_channels import PartialChannels

NONE = "none"
Active = Sequence[Sequence[bool]]
"""Per edge and candidate, whether its gate is not exactly zero."""


def active_gates(gates: Tensor) -> list[list[bool]]:
    """Which of the gates (edges, candidates) are not exactly zero, as numbers outside of any graph: one wait for the device."""
    nonzero: list[list[bool]] = (gates.detach() != 0).tolist()
    return nonzero


class MixedNodes(nn.Module):
    """x_j = sum over i < j and candidates o of g_(ij, o) o(x_i), for each node j of a cell in turn.

    Edges are numbered node by node, within a node by the state that they read. Batch normalisations have no scale and shift.
    What the operations on one state have in common is computed once: pooling, and its normalisation where `normalise_pools`.
    `partial_channels`: see PartialChannels. `auxiliary_skip`: there is a skip connection of weight `auxiliary` on each edge that
    has a gate, outside of the gates (DARTS-, Chu et al. 2021, arXiv:2009.01027); at stride 2 a factorized reduction of its own.
    """

    def __init__(
        self,
        candidates: Sequence[str],
        dimensions: int,
        channels: int,
        strides: tuple[int, ...],
        nodes: int,
        *,
        normalise_pools: bool,
        partial_channels: int = 1,
        auxiliary_skip: bool = False,
    ) -> None:
        """strides: of the edges from each of the cell's inputs; all others have stride 1."""
        super().__init__()
        self.candidates = tuple(candidates)
        self.inputs = len(strides)
        self.strides = (*strides, *[1] * nodes)
        self.edges_into = edges_into(self.inputs, nodes)
        self.partial = PartialChannels(dimensions, channels, partial_channels) if partial_channels > 1 else None
        mixed = channels // partial_channels
        self.zero = Zero(mixed, strides[0])
        self.pools = nn.ModuleList()
        for stride in self.strides[:-1]:
            pools = [name for name in self.candidates if name in POOLS]
            self.pools.append(
                nn.ModuleDict({name: candidate(name, dimensions, mixed, stride, normalise_pools=normalise_pools) for name in pools})
            )
        self.edges = nn.ModuleList()
        self.skips = nn.ModuleList()
        for edges in self.edges_into:
            for stride in self.strides[: len(edges)]:
                own = [name for name in self.candidates if name not in POOLS and name != NONE]
                self.edges.append(nn.ModuleDict({name: candidate(name, dimensions, mixed, stride, affine=False) for name in own}))
                reduces = auxiliary_skip and stride > 1
                self.skips.append(FactorizedReduction(dimensions, mixed, mixed, affine=False) if reduces else nn.Identity())

    def operation(self, edge: int, state: int, name: str) -> nn.Module:
        """The module of candidate `name` on an edge that reads `state`."""
        modules = self.pools[state] if name in POOLS else self.edges[edge]
        operation: nn.Module = modules[name]  # type: ignore[index]
        return operation

    def reads(self, active: Active) -> set[int]:
        """The states that some operation reads under these gates."""
        return {
            state
            for edges in self.edges_into
            for state, edge in enumerate(edges)
            if any(on and (self.partial or name != NONE) for on, name in zip(active[edge], self.candidates, strict=False))
        }

    def forward(self, inputs: Sequence[Tensor], gates: Tensor, active: Active, auxiliary: float = 0.0) -> list[Tensor]:
        """inputs: (B, C, ...) each, at one stride of one size; one that is not read may be anything of the last one's size.

        gates: (edges, candidates). Returns the nodes' states, (B, C, ...) each.
        """
        states = list(inputs)
        for edges in self.edges_into:
            parts = [self.partial.part(state) for state in states] if self.partial else states
            node = self._sum(parts, edges, gates, active, auxiliary)
            if self.partial:
                weights = [gates[edge].sum() if any(active[edge]) else None for edge in edges]
                node = self.partial.join(node, states, weights, self.strides)
            states.append(node)
        return states[self.inputs :]

    def _sum(self, states: list[Tensor], edges: range, gates: Tensor, active: Active, auxiliary: float) -> Tensor:
        terms = []
        for state, edge in enumerate(edges):
            for number, name in enumerate(self.candidates):
                if active[edge][number] and name != NONE:
                    terms.append(gates[edge, number] * self.operation(edge, state, name)(states[state]))
            if auxiliary and any(active[edge]):
                terms.append(auxiliary * self.skips[edge](states[state]))
        return torch.stack(terms).sum(dim=0) if terms else self.zero(states[self.inputs - 1])


def edges_into(inputs: int, nodes: int) -> list[range]:
    """The numbers of the edges into each node, one from every earlier state."""
    first, edges = 0, []
    for node in range(nodes):
        edges.append(range(first, first + inputs + node))
        first += inputs + node
    return edges
