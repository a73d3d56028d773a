"""The gated sum of many candidate operations as one fused operation (Liu et al. 2019, arXiv:1806.09055, eq. 2).

    x_j = sum over i < j and candidates o of g_(ij, o) o(x_i)

Most candidates are a chain of steps on the rectified state. Each step ends with a 1x1 convolution W and a batch normalisation
without scale and shift, applied to z: the output of a depthwise convolution, or the state itself. With the gate g, this is linear
in z:

    g BN(W z) = A z + b,    A = g r W (each row with its own r),    b = -g r mu,    r = (v + eps)^(-1/2)
    mu = W m,    v = diag(W K W^T)    with m and K the mean and the covariance of z over all N positions

so a node is one sum of products A_t z_t, and neither W z nor its normalisation is ever stored. In the backward pass, with the
gradient G of the sum, dA_t = sum over positions of G z_t^T and db = sum over positions of G give

    ds = row sums of dA * W - db mu,    where s = g r         dg = sum of ds r
    dv = -g r^3 ds / 2                                        dmu = -s db
    dW = s dA + 2 dv W K + dmu m^T (each row with its own s and dv)
    dK = W^T diag(dv) W,    dm = W^T dmu                      dz = A^T G + (2 dK (z - m) + dm) / N

which is the gradient of gate, normalisation and 1x1 convolution in one. If the N positions are divided among processes, m and K are
over all of them, dK and dm in dz are sums over all of them, and every other gradient is the process's own contribution. With g = 1
and a subsequent ReLU, the same equations describe the first step of a separable convolution. At stride 1, the gradient of a
depthwise convolution with respect to its input is a convolution with the flipped kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archwright.ops.global_batch_norm import all_moments, process_group_of
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_sum_kernel import Filters, Kernel, Maps
from archwright.ops.running_statistics import Norm, running_statistics, update_statistics
from archwright.process_group import SINGLE_PROCESS, ProcessGroup

Conv = nn.Conv1d | nn.Conv2d


@dataclass(frozen=True)
class ConvolutionStep:
    """A depthwise convolution (or None), a 1x1 convolution W, a batch normalisation.

    `rows`: if W computes only some of the normalisation's channels, which ones, as a half-open range. The step adds nothing to the
    other channels: the missing rows of W count as zero.
    """

    depthwise: Conv | None
    pointwise: Conv
    norm: Norm
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Chain:
    """One or two steps, with a ReLU between them, on the rectified state with index `source`."""

    source: int
    steps: tuple[ConvolutionStep, ...]


def mixed_sum(
    kernel: Kernel,
    layout: Layout,
    rectified: Sequence[Tensor],
    others: Sequence[Tensor],
    gates: Tensor,
    *,
    training: bool,
) -> Tensor:
    """The sum of g_t chain_t(rectified state) over the layout's chains and of g_o x_o over `others`.

    Updates the running statistics of all normalisations while `training`.

    rectified: (B, C, ...) each, of one or several sizes; others: (B, C, ...) each, of the size of the result. gates:
    (chains + others,), those of the chains first. Needs at least one chain. Returns (B, C, ...).
    """
    computation = _Computation(kernel, layout, len(rectified), len(others), training)
    weights = [weight for chain in layout.chains for step in chain.steps for weight in _weights(step)]
    precision = weights[0].dtype
    with torch.autocast(gates.device.type, enabled=False):  # statistics need full precision
        tensors = [channels_last(tensor.to(precision)) for tensor in (*rectified, *others)]
        total: Tensor = _MixedSum.apply(computation, gates.to(precision), *tensors, *weights)  # type: ignore[no-untyped-call]
    return total


def _weights(step: ConvolutionStep) -> list[Tensor]:
    return [conv.weight for conv in (step.depthwise, step.pointwise) if conv is not None]


@dataclass(frozen=True)
class _StepWeights:
    """depthwise: (C, 1, k, ...) or None. pointwise: (C, C, 1, ...)."""

    depthwise: Tensor | None
    pointwise: Tensor


ChainWeights = Sequence[Sequence[_StepWeights]]
"""For each chain the weights of its steps."""


@dataclass(frozen=True)
class _Family:
    """Chains that differ only in their weights and the states that they read, and are therefore computed together."""

    chains: tuple[int, ...]
    sources: tuple[int, ...]
    steps: tuple[ConvolutionStep, ...]  # of the first of them

    @property
    def starts_with_depthwise(self) -> bool:
        """Whether it starts with a depthwise convolution."""
        return self.steps[0].depthwise is not None

    def filters(self, step: int, weights: ChainWeights) -> Filters:
        conv = self.steps[step].depthwise
        own = [depthwise for t in self.chains if (depthwise := weights[t][step].depthwise) is not None]
        if conv is None or not own:
            raise TypeError("a step without a depthwise convolution has no filters")
        return Filters(tuple(own), conv.stride[-1], conv.dilation[-1])


StepIndices = list[tuple[int, int]]
"""Pairs of the index of a chain and of one of its steps."""


@dataclass(frozen=True)
class Layout:
    """Which chains are computed together. Reuse it as long as the same chains are summed."""

    chains: tuple[Chain, ...]

    @cached_property
    def families(self) -> list[_Family]:
        found: dict[tuple[Any, ...], list[int]] = {}
        for t, chain in enumerate(self.chains):
            found.setdefault(tuple(map(_signature, chain.steps)), []).append(t)
        return [_Family(tuple(ts), tuple(self.chains[t].source for t in ts), self.chains[ts[0]].steps) for ts in found.values()]

    @cached_property
    def order(self) -> list[int]:
        """The chains, family by family: the order in which everything is computed for them."""
        return [t for family in self.families for t in family.chains]

    @cached_property
    def two_step_families(self) -> list[int]:
        """The families with two steps."""
        return [f for f, family in enumerate(self.families) if len(family.steps) == 2]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Families that start with depthwise convolutions of the same states at the same stride."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for f, family in enumerate(self.families):
            conv = family.steps[0].depthwise
            if conv is not None:
                found.setdefault((family.sources, conv.stride), []).append(f)
        return list(found.values())

    @cached_property
    def last_steps(self) -> StepIndices:
        """The last step of every chain."""
        return [(t, len(self.chains[t].steps) - 1) for t in self.order]

    @cached_property
    def first_steps(self) -> StepIndices:
        """The first step of every chain with two steps."""
        return [(t, 0) for f in self.two_step_families for t in self.families[f].chains]

    def steps(self, step_indices: StepIndices) -> list[ConvolutionStep]:
        return [self.chains[t].steps[step] for t, step in step_indices]


@dataclass(frozen=True)
class _Computation:
    """What `_MixedSum` computes, and how its tensors are split: into rectified states, others, and weights."""

    kernel: Kernel
    layout: Layout
    states: int
    others: int
    training: bool

    def gathered(self, sources: Sequence[int], rectified: Sequence[Tensor]) -> Maps:
        return self.kernel.gathered([rectified[source] for source in sources])

    def gathered_groups(self, rectified: Sequence[Tensor]) -> list[Maps]:
        """The states that the families of each group read."""
        return [self.gathered(self.layout.families[group[0]].sources, rectified) for group in self.layout.groups]

    def filters(self, step: int, groups: Sequence[Sequence[int]], weights: ChainWeights) -> list[list[Filters]]:
        """The depthwise convolutions of a step, for several groups of families."""
        return [[self.layout.families[f].filters(step, weights) for f in group] for group in groups]

    def split(self, tensors: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], list[list[_StepWeights]]]:
        """Rectified states, others, and for each chain the weights of its steps."""
        remaining = iter(tensors[self.states + self.others :])
        weights = [
            [_StepWeights(next(remaining) if step.depthwise is not None else None, next(remaining)) for step in chain.steps]
            for chain in self.layout.chains
        ]
        return tensors[: self.states], tensors[self.states : self.states + self.others], weights


def _signature(step: ConvolutionStep) -> tuple[Any, ...]:
    """The properties that the steps of one family share."""
    conv = step.depthwise
    return () if conv is None else (conv.kernel_size, conv.stride, conv.dilation)


@dataclass
class _Values:
    """Results of the forward pass: z of each family's last step; for families of two steps, z of the first step and its output."""

    last_inputs: list[Maps]
    first_inputs: list[Maps]
    first_outputs: list[Maps]

    @property
    def all(self) -> list[Maps]:
        return [*self.last_inputs, *self.first_inputs, *self.first_outputs]


class _MixedSum(torch.autograd.Function):
    """`mixed_sum` as a differentiable function of the gates and the tensors of a computation."""

    @staticmethod
    def forward(ctx: Any, computation: _Computation, gates: Tensor, *tensors: Tensor) -> Tensor:
        kernel, layout = computation.kernel, computation.layout
        rectified, others, weights = computation.split(tensors)
        values, ctx.inner = _forward_to_last_step(computation, rectified, weights)
        chains = len(layout.chains)
        ctx.outer = _normalised(computation, values.last_inputs, layout.last_steps, weights, gates[layout.order])
        ctx.computation, ctx.map_counts = computation, [(len(maps.tensors), maps.number) for maps in values.all]
        ctx.save_for_backward(gates, *tensors, *[tensor for maps in values.all for tensor in maps.tensors])
        return kernel.product_sum(ctx.outer.matrices, values.last_inputs, ctx.outer.biases.sum(dim=0), others, gates[chains:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        computation = ctx.computation
        kernel, layout = computation.kernel, computation.layout
        chains = len(layout.chains)
        gates, tensors, values = _restore(ctx.saved_tensors, computation, ctx.map_counts)
        rectified, others, weights = computation.split(tensors)
        wanted, _, learning = computation.split(ctx.needs_input_grad[2:])
        found = _WeightGradients(any(step.pointwise for own in learning for step in own))

        gradient = channels_last(gradient)
        d_bias = kernel.sums([kernel.gathered([gradient])])
        d_outer = ctx.outer.backward(kernel.cross(gradient, values.last_inputs), d_bias.expand(chains, -1), found.learning)
        d_inputs = kernel.products(d_outer.factors, [gradient, values.last_inputs], d_outer.shifts)
        found.add_pointwise(layout, layout.last_steps, d_outer)
        if ctx.inner is not None:
            _backward_to_first_step(computation, ctx.inner, values, weights, d_inputs, found)
        d_states = _backward_to_states(computation, rectified, weights, d_inputs, wanted, found)
        d_others = kernel.scaled(gradient, gates[chains:])
        d_gates = torch.empty_like(gates)
        d_gates[layout.order] = d_outer.gates
        d_gates[chains:] = kernel.dots(gradient, others)
        return None, d_gates, *d_states, *d_others, *found.in_order(weights)


@dataclass
class _WeightGradients:
    """The gradients of depthwise and 1x1 convolutions by chain and step; empty unless weights are `learning`."""

    learning: bool
    depthwise_gradients: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    pointwise_gradients: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def add_pointwise(self, layout: Layout, step_indices: StepIndices, gradient: _NormalisedGradient) -> None:
        if gradient.weights is None:
            return
        for index, step, found in zip(step_indices, layout.steps(step_indices), gradient.weights, strict=True):
            self.pointwise_gradients[index] = found if step.rows is None else found[slice(*step.rows)]

    def add_depthwise(self, step: int, families: Sequence[_Family], gradients: Sequence[Sequence[Tensor]]) -> None:
        for family, own in zip(families, gradients, strict=True):
            self.depthwise_gradients.update(((t, step), d) for t, d in zip(family.chains, own, strict=True))

    def in_order(self, weights: ChainWeights) -> list[Tensor | None]:
        """In the order of the weights."""
        ordered: list[Tensor | None] = []
        for t, own in enumerate(weights):
            for number, step in enumerate(own):
                ordered += [] if step.depthwise is None else [self.depthwise_gradients.get((t, number))]
                found = self.pointwise_gradients.get((t, number))
                ordered.append(None if found is None else found.reshape(step.pointwise.shape))
        return ordered


def _forward_to_last_step(
    computation: _Computation, rectified: Sequence[Tensor], weights: ChainWeights
) -> tuple[_Values, _Normalised | None]:
    """The inputs z of the last steps, and the normalisation of the first steps of chains with two."""
    kernel, layout = computation.kernel, computation.layout
    found = kernel.depthwise(computation.gathered_groups(rectified), computation.filters(0, layout.groups, weights))
    filtered = {
        f: maps for group, results in zip(layout.groups, found, strict=True) for f, maps in zip(group, results, strict=True)
    }
    read = [filtered[f] if f in filtered else computation.gathered(own.sources, rectified) for f, own in enumerate(layout.families)]
    if not layout.two_step_families:
        return _Values(read, [], []), None
    first_inputs = [read[f] for f in layout.two_step_families]
    inner = _normalised(computation, first_inputs, layout.first_steps, weights)
    first_outputs = kernel.products(inner.matrices[:, None], [first_inputs], inner.biases, rectify=True)
    second = kernel.depthwise(first_outputs, computation.filters(1, [[f] for f in layout.two_step_families], weights))
    for f, (z,) in zip(layout.two_step_families, second, strict=True):
        read[f] = z
    return _Values(read, first_inputs, first_outputs), inner


def _backward_to_first_step(
    computation: _Computation,
    inner: _Normalised,
    values: _Values,
    weights: ChainWeights,
    d_inputs: list[Maps],
    found: _WeightGradients,
) -> None:
    """Replaces in `d_inputs` the gradients of the last steps' inputs by those of the first steps' inputs."""
    kernel, layout = computation.kernel, computation.layout
    gradients = [[d_inputs[f]] for f in layout.two_step_families]
    filters = computation.filters(1, [[f] for f in layout.two_step_families], weights)
    if found.learning:
        d_filters = kernel.depthwise_weight(gradients, filters, values.first_outputs)
        found.add_depthwise(1, [layout.families[f] for f in layout.two_step_families], [own for (own,) in d_filters])
    masked = kernel.depthwise_input(gradients, filters, values.first_outputs, rectified=True)
    d_inner = inner.backward(kernel.cross(masked, values.first_inputs), kernel.sums(masked), found.learning)
    found.add_pointwise(layout, layout.first_steps, d_inner)
    first = kernel.products(d_inner.factors, [masked, values.first_inputs], d_inner.shifts)
    for f, gradient in zip(layout.two_step_families, first, strict=True):
        d_inputs[f] = gradient


def _backward_to_states(
    computation: _Computation,
    rectified: Sequence[Tensor],
    weights: ChainWeights,
    d_inputs: list[Maps],
    wanted: Sequence[bool],
    found: _WeightGradients,
) -> list[Tensor | None]:
    """The gradients of the rectified states, from those of the first steps' inputs; None where not `wanted`."""
    kernel, layout = computation.kernel, computation.layout
    xs, filters = computation.gathered_groups(rectified), computation.filters(0, layout.groups, weights)
    gradients = [[d_inputs[f] for f in group] for group in layout.groups]
    if found.learning:
        for group, own in zip(layout.groups, kernel.depthwise_weight(gradients, filters, xs), strict=True):
            found.add_depthwise(0, [layout.families[f] for f in group], own)
    d_states: list[Tensor | None] = [None] * computation.states
    if any(wanted):
        before = kernel.depthwise_input(gradients, filters, xs)
        of_groups = [(layout.families[group[0]].sources, maps) for group, maps in zip(layout.groups, before, strict=True)]
        pairs = zip(layout.families, d_inputs, strict=True)
        without_depthwise = [(family.sources, maps) for family, maps in pairs if not family.starts_with_depthwise]
        for sources, maps in (*of_groups, *without_depthwise):
            for source, gradient in zip(sources, kernel.separated(maps), strict=True):
                total = d_states[source]
                d_states[source] = gradient if total is None else total + gradient
    return d_states


def _restore(
    saved: Sequence[Tensor], computation: _Computation, map_counts: Sequence[tuple[int, int]]
) -> tuple[Tensor, list[Tensor], _Values]:
    """Gates, the computation's tensors, and the values of the forward pass."""
    gates, *rest = saved
    given = len(rest) - sum(tensors for tensors, _ in map_counts)
    remaining = iter(rest[given:])
    maps = [Maps(tuple(islice(remaining, tensors)), number) for tensors, number in map_counts]
    families, two_step = len(computation.layout.families), len(computation.layout.two_step_families)
    return gates, rest[:given], _Values(maps[:families], maps[families : families + two_step], maps[families + two_step :])


@dataclass(frozen=True)
class _Normalised:
    """g BN(W z) = A z + b for T terms at once, and its gradient: the equations at the top of this file.

    weights (W), covariance (K): (T, C, C). gates (g): (T,). mean (m), mu, r: (T, C). count: N. With running statistics,
    which do not depend on z, mean and covariance are None. `process_group`: the processes among which the positions are divided.
    """

    weights: Tensor
    gates: Tensor
    mean: Tensor | None
    covariance: Tensor | None
    mu: Tensor
    r: Tensor
    count: float
    process_group: ProcessGroup = SINGLE_PROCESS

    @cached_property
    def scale(self) -> Tensor:
        """s, (T, C)"""
        return self.gates[:, None] * self.r

    @cached_property
    def matrices(self) -> Tensor:
        """A, (T, C, C)"""
        return self.scale[:, :, None] * self.weights

    @cached_property
    def biases(self) -> Tensor:
        """b, (T, C)"""
        return -self.scale * self.mu

    def backward(self, d_matrices: Tensor, d_biases: Tensor, learning: bool) -> _NormalisedGradient:
        """The gradients from dA (T, C, C) and db (T, C); that of the weights only if they are `learning`."""
        d_scale = (d_matrices * self.weights).sum(dim=2) - d_biases * self.mu
        d_gates = (d_scale * self.r).sum(dim=1)
        d_weights = self.scale[:, :, None] * d_matrices if learning else None
        if self.mean is None or self.covariance is None:
            factors = torch.stack([self.matrices.mT, torch.zeros_like(self.weights)], dim=1)
            return _NormalisedGradient(d_weights, d_gates, factors, torch.zeros_like(self.mu))
        d_mu, weighted = self._statistics_backward(d_scale, d_biases)
        if d_weights is not None:
            d_weights += 2 * weighted @ self.covariance + d_mu[:, :, None] * self.mean[:, None, :]
        if self.process_group.size > 1:
            d_mu, weighted = self._statistics_backward(*self.process_group.all_reduce(torch.stack([d_scale, d_biases])))
        slopes = 2 * self.weights.mT @ weighted
        shifts = (self.weights.mT @ d_mu[:, :, None] - slopes @ self.mean[:, :, None]).squeeze(2)
        factors = torch.stack([self.matrices.mT, slopes / self.count], dim=1)
        return _NormalisedGradient(d_weights, d_gates, factors, shifts / self.count)

    def _statistics_backward(self, d_scale: Tensor, d_biases: Tensor) -> tuple[Tensor, Tensor]:
        """dmu (T, C) and diag(dv) W (T, C, C)."""
        d_variance = -0.5 * self.gates[:, None] * self.r**3 * d_scale
        return -self.scale * d_biases, d_variance[:, :, None] * self.weights


@dataclass(frozen=True)
class _NormalisedGradient:
    """dW (T, C, C) or None, dg (T,), the factors of G and of z in dz, (T, 2, C, C), and the constant term of dz, (T, C).

    With running statistics, the factors of z and the constant term are zero.
    """

    weights: Tensor | None
    gates: Tensor
    factors: Tensor
    shifts: Tensor


def _normalised(
    computation: _Computation, read: Sequence[Maps], step_indices: StepIndices, weights: ChainWeights, gates: Tensor | None = None
) -> _Normalised:
    """The normalisation of the given steps, with the statistics of their inputs or, in evaluation mode, the running statistics.

    gates: all one if None.
    """
    steps = computation.layout.steps(step_indices)
    norms, rows = [step.norm for step in steps], [step.rows for step in steps]
    own = [weights[t][number].pointwise for t, number in step_indices]
    matrices = torch.stack([_matrix(weight, step.rows) for weight, step in zip(own, steps, strict=True)])
    gates = matrices.new_ones(len(step_indices)) if gates is None else gates
    count, eps = read[0].positions, norms[0].eps
    if not computation.training:
        mu, variance = running_statistics(norms, rows)
        return _Normalised(matrices, gates, None, None, mu, (variance + eps).rsqrt(), count)
    mean, covariance = computation.kernel.moments(read)
    process_group, positions = process_group_of(norms[0]), float(count)
    if process_group.size > 1:
        mean, covariance, total = all_moments(mean, covariance, count, process_group)
        positions = float(total)
    mu = (matrices @ mean[:, :, None]).squeeze(2)
    variance = ((matrices @ covariance) * matrices).sum(dim=2).clamp_min(0.0)
    update_statistics(norms, mu, variance, positions, rows)
    return _Normalised(matrices, gates, mean, covariance, mu, (variance + eps).rsqrt(), positions, process_group)


def _matrix(weight: Tensor, rows: tuple[int, int] | None) -> Tensor:
    """The 1x1 convolution's weight (C or fewer, C, 1, ...) as a matrix (C, C), padded with zero rows."""
    matrix = weight.flatten(1)
    return matrix if rows is None else nn.functional.pad(matrix, (0, 0, rows[0], matrix.shape[1] - rows[1]))
