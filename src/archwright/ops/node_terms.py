"""What a node of a cell computes under given gates: the terms of its sum, and what these share of the states that they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any, cast

from torch import Tensor, nn

from archwright.ops.convolution import DilatedSeparableConv, FactorizedReduction, ReLUConvBatchNorm, SeparableConv
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_sum import Chain, Conv, ConvolutionStep, Layout
from archwright.ops.mixed_sum_kernel import Kernel
from archwright.ops.running_statistics import Norm

NONE = "none"
Active = Sequence[Sequence[bool]]
"""For each edge and candidate, whether its gate is nonzero."""

WHOLE, STRAIGHT, SHIFTED = "whole", "straight", "shifted"
"""The part of a rectified state that a chain reads: all of it, its even positions, or its odd ones."""
Chains = tuple[tuple[str, tuple[ConvolutionStep, ...]], ...]
"""Chains whose sum is an operation, each with the part that it reads; empty if the operation is not such a sum."""


def edges_into(inputs: int, nodes: int) -> list[range]:
    """The numbers of the edges into each node, one from every earlier state."""
    counts = range(inputs, inputs + nodes)
    return [range(last - count, last) for count, last in zip(counts, accumulate(counts), strict=True)]


@dataclass(frozen=True)
class NodeTerms:
    """The terms of a node's sum: chains, with the states and parts that they read, and other operations.

    reads: (state, part) for each of the layout's sources. others: (state, edge, name). gate_indices: indices into the flattened
    gates, first of the chains, then of the others.
    """

    layout: Layout
    reads: list[tuple[int, str]]
    others: list[tuple[int, int, str]]
    gate_indices: list[int]


def node_terms(
    edges: range, active: Active, candidates: Sequence[str], chains_of_edges: Sequence[Mapping[str, Chains]]
) -> NodeTerms:
    """The terms of the node that these edges lead to, under these gates. chains_of_edges: of each candidate on each edge."""
    chains: list[Chain] = []
    reads: dict[tuple[int, str], int] = {}
    others: list[tuple[int, int, str]] = []
    chain_gates: list[int] = []
    other_gates: list[int] = []
    for (number, edge), (column, name) in product(enumerate(edges), enumerate(candidates)):
        if not active[edge][column] or name == NONE:
            continue
        gate_index = edge * len(candidates) + column
        for part, steps in chains_of_edges[edge].get(name, ()):
            chains.append(Chain(reads.setdefault((number, part), len(reads)), steps))
            chain_gates.append(gate_index)
        if not chains_of_edges[edge].get(name):
            others.append((number, edge, name))
            other_gates.append(gate_index)
    return NodeTerms(Layout(tuple(chains)), list(reads), others, chain_gates + other_gates)


def chains_of(operation: nn.Module) -> Chains:
    """The chains of a candidate operation."""
    if isinstance(operation, SeparableConv | DilatedSeparableConv):
        layers = iter(operation)
        steps = tuple(
            ConvolutionStep(cast(Conv, d), cast(Conv, p), cast(Norm, n)) for _, d, p, n in zip(*[layers] * 4, strict=True)
        )
        return ((WHOLE, steps),)
    if isinstance(operation, ReLUConvBatchNorm):
        _, conv, norm = (cast(Any, layer) for layer in operation)
        return ((WHOLE, (ConvolutionStep(None, conv, norm),)),) if set(conv.kernel_size) == set(conv.stride) == {1} else ()
    if isinstance(operation, FactorizedReduction) and operation.shifted is not None:
        norm, middle = operation.norm, operation.straight.out_channels
        straight = ConvolutionStep(None, operation.straight, norm, (0, middle))
        return ((STRAIGHT, (straight,)), (SHIFTED, (ConvolutionStep(None, operation.shifted, norm, (middle, norm.num_features)),)))
    return ()


class State:
    """A state (B, C, ...) and what several operations on it share, computed on first use."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self._parts: dict[str, Tensor] = {}
        self._pooled: dict[int, Tensor] = {}

    def part(self, name: str) -> Tensor:
        """WHOLE: the rectified state. STRAIGHT and SHIFTED: the positions read by the two halves of a FactorizedReduction."""
        if name not in self._parts:
            self._parts[name] = self.x.relu() if name == WHOLE else _every_other(self.part(WHOLE), shifted=name == SHIFTED)
        return self._parts[name]

    def pooled(self, pool: nn.Module, kernel: Kernel) -> Tensor:
        if id(pool) not in self._pooled:
            self._pooled[id(pool)] = kernel.pooled(self.x, pool)
        return self._pooled[id(pool)]


def _every_other(x: Tensor, *, shifted: bool) -> Tensor:
    """(B, C, ...) -> (B, C, ceil(... / 2)): the even positions along each axis, or the odd ones followed by a zero."""
    dimensions = x.dim() - 2
    positions = nn.functional.pad(x, (-1, 1) * dimensions) if shifted else x
    return channels_last(positions[:, :, ::2, ::2] if dimensions == 2 else positions[:, :, ::2])
