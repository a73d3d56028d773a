"""The nodes of a cell, with all candidate operations on all edges weighted by gates (Liu et al. 2019, arXiv:1806.09055, eq. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archwright.ops.candidate_operations import POOLS, Zero, candidate
from archwright.ops.convolution import FactorizedReduction
from archwright.ops.mixed_sum import mixed_sum
from archwright.ops.mixed_sum_kernel import Kernel
from archwright.ops.native import fastest_kernel
from archwright.ops.node_terms import NONE, Active, NodeTerms, State, chains_of, edges_into, node_terms
from archwright.ops.partial_channels import PartialChannels


def active_gates(gates: Tensor) -> list[list[bool]]:
    """Which of the gates (edges, candidates) are nonzero, as Python values: a single synchronization with the device."""
    nonzero: list[list[bool]] = (gates.detach() != 0).tolist()
    return nonzero


class MixedNodes(nn.Module):
    """The nodes of one cell: each sums all candidates on all earlier states.

    Edges are numbered node by node, and within a node by the state that they read. Batch normalisations have no scale and shift.
    Neither `none` nor candidates with a gate of exactly zero are computed. What the candidates on a state share is computed once:
    its ReLU, its poolings, and their normalisation if `normalise_pools`. `partial_channels`: see PartialChannels. `auxiliary_skip`:
    adds a skip connection of weight `auxiliary`, independent of the gates, to each edge with a nonzero gate (DARTS-, Chu et al.
    2021, arXiv:2009.01027); at stride 2 it is a separate factorized reduction.
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
        """strides: of the edges from each of the cell's inputs; all other edges have stride 1."""
        super().__init__()
        self.candidates = tuple(candidates)
        self.inputs = len(strides)
        self.strides = (*strides, *[1] * nodes)
        self.edges_into = edges_into(self.inputs, nodes)
        self.partial = PartialChannels(dimensions, channels, partial_channels) if partial_channels > 1 else None
        self.kernel: Kernel = fastest_kernel()
        mixed = channels // partial_channels
        self.zero = Zero(mixed, strides[0])
        shared = [name for name in self.candidates if name in POOLS]
        own = [name for name in self.candidates if name not in (*POOLS, NONE)]

        def operations(names: list[str], stride: int) -> nn.ModuleDict:
            modules = {
                name: candidate(name, dimensions, mixed, stride, affine=False, normalise_pools=normalise_pools) for name in names
            }
            return nn.ModuleDict(modules)

        strides_of_edges = [self.strides[state] for edges in self.edges_into for state in range(len(edges))]
        own_operations = [operations(own, stride) for stride in strides_of_edges]
        self.pools = nn.ModuleList(operations(shared, stride) for stride in self.strides[:-1])
        self.edges = nn.ModuleList(own_operations)
        self.cached_terms: dict[int, tuple[tuple[tuple[bool, ...], ...], NodeTerms]] = {}
        self.chains = [{name: chains_of(operation) for name, operation in edge.items()} for edge in own_operations]
        self.skips = nn.ModuleList(
            FactorizedReduction(dimensions, mixed, mixed, affine=False) if auxiliary_skip and stride > 1 else nn.Identity()
            for stride in strides_of_edges
        )

    def operation(self, edge: int, state: int, name: str) -> nn.Module:
        """The module of candidate `name` on an edge that reads `state`."""
        modules = self.pools[state] if name in POOLS else self.edges[edge]
        operation: nn.Module = modules[name]  # type: ignore[index]
        return operation

    def reads(self, active: Active) -> set[int]:
        """The states that are read by any operation under these gates."""
        return {
            state
            for edges in self.edges_into
            for state, edge in enumerate(edges)
            if any(on and (self.partial or name != NONE) for on, name in zip(active[edge], self.candidates, strict=False))
        }

    def forward(self, inputs: Sequence[Tensor], gates: Tensor, active: Active, auxiliary: float = 0.0) -> list[Tensor]:
        """inputs: (B, C, ...) each, equally large at equal strides; one that is not read may be any tensor of the last one's size.

        gates: (edges, candidates). Returns the nodes' states, (B, C, ...) each.
        """
        states = list(inputs)
        parts = [State(self._part(state)) for state in states]
        for edges in self.edges_into:
            node = self._node(parts, edges, gates, active, auxiliary)
            if self.partial:
                weights = [gates[edge].sum() if any(active[edge]) else None for edge in edges]
                node = self.partial.join(node, states, weights, self.strides)
            states.append(node)
            parts.append(State(self._part(node)))
        return states[self.inputs :]

    def _part(self, state: Tensor) -> Tensor:
        return self.partial.part(state) if self.partial else state

    def _node(self, states: list[State], edges: range, gates: Tensor, active: Active, auxiliary: float) -> Tensor:
        """The sum over a node's edges."""
        terms = self._terms(edges, active)
        sources = [states[number].part(part) for number, part in terms.reads]
        others = [self._other(states[number], number, edge, name) for number, edge, name in terms.others]
        weights = gates.reshape(-1)[torch.tensor(terms.gate_indices, dtype=torch.long, device=gates.device)]
        if auxiliary:
            extra = [self.skips[edge](states[number].x) for number, edge in enumerate(edges) if any(active[edge])]
            others += extra
            weights = torch.cat([weights, weights.new_full((len(extra),), auxiliary)])
        if not terms.layout.chains and not others:
            zeros: Tensor = self.zero(states[self.inputs - 1].x)
            return zeros
        if not terms.layout.chains:
            return torch.stack([gate * x for gate, x in zip(weights, others, strict=True)]).sum(dim=0)
        return mixed_sum(self.kernel, terms.layout, sources, others, weights, training=self.training)

    def _other(self, state: State, number: int, edge: int, name: str) -> Tensor:
        operation = self.operation(edge, number, name)
        result: Tensor = state.pooled(operation, self.kernel) if name in POOLS else operation(state.x)
        return result

    def _terms(self, edges: range, active: Active) -> NodeTerms:
        """The terms of a node; the previous ones are cached, since they rarely change between steps."""
        own = tuple(tuple(active[edge]) for edge in edges)
        if edges.start not in self.cached_terms or self.cached_terms[edges.start][0] != own:
            self.cached_terms[edges.start] = own, node_terms(edges, active, self.candidates, self.chains)
        return self.cached_terms[edges.start][1]
