"""The sum of many candidate operations, weighted by gates, as one operation (Liu et al. 2019, arXiv:1806.09055, eq. 2).

    x_j = sum over i < j and candidates o of g_(ij, o) o(x_i)

Most candidates are a chain of steps on the rectified state, and a step ends in a 1x1 convolution W and a batch normalisation
without scale and shift, of some z: a depthwise convolution, or the state itself. Together with its gate g, all that is linear in z:

    g BN(W z) = A z + b,    A = g r W (each row with its own r),    b = -g r mu,    r = (v + eps)^(-1/2)
    mu = W m,    v = diag(W K W^T)    with m and K the mean and the covariance of z over all N positions

so a node is one sum of products A_t z_t, and neither W z nor its normalisation is ever stored. Backwards, from the gradient G of
the sum, dA_t = sum over positions of G z_t^T and db = sum over positions of G give

    ds = row sums of dA * W - db mu,    where s = g r         dg = sum of ds r
    dv = -g r^3 ds / 2                                        dmu = -s db
    dW = s dA + 2 dv W K + dmu m^T (each row with its own s and dv)
    dK = W^T diag(dv) W,    dm = W^T dmu                      dz = A^T G + (2 dK (z - m) + dm) / N

which is the gradient of gate, normalisation and 1x1 convolution in one. Where the N positions are divided among processes, m and K
are those of all, dK and dm in dz are sums over all, and every other gradient is a process's own part of it. With g = 1 and a ReLU
behind, the same equations are the first step of a separable convolution. The gradient of a depthwise convolution with respect to
its input is, at stride 1, a convolution with the flipped kernel.
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
    """A depthwise convolution (or none), a 1x1 convolution W, a batch normalisation.

    `rows`: which of the normalisation's channels W makes, from the first to behind the last, where it makes only some of them. To
    the rest this step adds nothing: the rows of W that are missing count as zero.
    """

    depthwise: Conv | None
    pointwise: Conv
    norm: Norm
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Chain:
    """One or two steps, with a ReLU between them, on the rectified state of number `source`."""

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
    """sum of g_t chain_t(rectified state) and of g_o x_o, of the layout's chains.

    Moves the running statistics of all normalisations while `training`.

    rectified: (B, C, ...) each, of one or several sizes; others: (B, C, ...) each, of the result's. gates: (chains + others,),
    those of the chains first. At least one chain. Returns (B, C, ...).
    """
    plan = _Computation(kernel, layout, len(rectified), len(others), training)
    weights = [weight for chain in layout.chains for step in chain.steps for weight in _weights(step)]
    precision = weights[0].dtype
    with torch.autocast(gates.device.type, enabled=False):  # statistics need full precision
        tensors = [channels_last(tensor.to(precision)) for tensor in (*rectified, *others)]
        total: Tensor = _MixedSum.apply(plan, gates.to(precision), *tensors, *weights)  # type: ignore[no-untyped-call]
    return total


def _weights(step: ConvolutionStep) -> list[Tensor]:
    return [conv.weight for conv in (step.depthwise, step.pointwise) if conv is not None]


@dataclass(frozen=True)
class _StepWeights:
    """depthwise: (C, 1, k, ...) or None. pointwise: (C, C, 1, ...)."""

    depthwise: Tensor | None
    pointwise: Tensor


ChainWeights = Sequence[Sequence[_StepWeights]]
"""Of each chain the weights of its steps."""


@dataclass(frozen=True)
class _Family:
    """Chains that differ in their weights and the states that they read, and in nothing else: they are computed together."""

    chains: tuple[int, ...]
    sources: tuple[int, ...]
    steps: tuple[ConvolutionStep, ...]  # of the first of them

    @property
    def filtered(self) -> bool:
        """Whether it begins with a depthwise convolution."""
        return self.steps[0].depthwise is not None

    def filters(self, step: int, weights: ChainWeights) -> Filters:
        conv = self.steps[step].depthwise
        own = [depthwise for t in self.chains if (depthwise := weights[t][step].depthwise) is not None]
        if conv is None or not own:
            raise TypeError("a stage without a depthwise convolution has no filters")
        return Filters(tuple(own), conv.stride[-1], conv.dilation[-1])


Places = list[tuple[int, int]]
"""Chains, and the number of a step of each."""


@dataclass(frozen=True)
class Layout:
    """Which chains are computed together. To be kept for as long as the same chains are summed."""

    chains: tuple[Chain, ...]

    @cached_property
    def families(self) -> list[_Family]:
        found: dict[tuple[Any, ...], list[int]] = {}
        for t, chain in enumerate(self.chains):
            found.setdefault(tuple(map(_form, chain.steps)), []).append(t)
        return [_Family(tuple(ts), tuple(self.chains[t].source for t in ts), self.chains[ts[0]].steps) for ts in found.values()]

    @cached_property
    def order(self) -> list[int]:
        """The chains, family by family: the order of all that is computed for them."""
        return [t for family in self.families for t in family.chains]

    @cached_property
    def twice(self) -> list[int]:
        """The families of two steps."""
        return [f for f, family in enumerate(self.families) if len(family.steps) == 2]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Families that begin with depthwise convolutions of the same states at the same stride."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for f, family in enumerate(self.families):
            conv = family.steps[0].depthwise
            if conv is not None:
                found.setdefault((family.sources, conv.stride), []).append(f)
        return list(found.values())

    @cached_property
    def last(self) -> Places:
        """All chains, and their last step."""
        return [(t, len(self.chains[t].steps) - 1) for t in self.order]

    @cached_property
    def first(self) -> Places:
        """The chains of two steps, and their first step."""
        return [(t, 0) for f in self.twice for t in self.families[f].chains]

    def steps(self, places: Places) -> list[ConvolutionStep]:
        return [self.chains[t].steps[step] for t, step in places]


@dataclass(frozen=True)
class _Computation:
    """What `_MixedSum` computes, and how its tensors are divided: rectified states, others, weights."""

    kernel: Kernel
    layout: Layout
    states: int
    others: int
    training: bool

    def gathered(self, sources: Sequence[int], rectified: Sequence[Tensor]) -> Maps:
        return self.kernel.gathered([rectified[source] for source in sources])

    def gathered_groups(self, rectified: Sequence[Tensor]) -> list[Maps]:
        """What the families of each group read."""
        return [self.gathered(self.layout.families[group[0]].sources, rectified) for group in self.layout.groups]

    def filters(self, step: int, groups: Sequence[Sequence[int]], weights: ChainWeights) -> list[list[Filters]]:
        """The depthwise convolutions of a step, of several groups of families."""
        return [[self.layout.families[f].filters(step, weights) for f in group] for group in groups]

    def divided(self, tensors: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], list[list[_StepWeights]]]:
        """Rectified states, others, and for each chain the weights of its steps."""
        behind = iter(tensors[self.states + self.others :])
        weights = [
            [_StepWeights(next(behind) if step.depthwise is not None else None, next(behind)) for step in chain.steps]
            for chain in self.layout.chains
        ]
        return tensors[: self.states], tensors[self.states : self.states + self.others], weights


def _form(step: ConvolutionStep) -> tuple[Any, ...]:
    """What steps of one family have in common."""
    conv = step.depthwise
    return () if conv is None else (conv.kernel_size, conv.stride, conv.dilation)


@dataclass
class _Values:
    """What a pass computes: the z of each family's last step; and of the families of two, the z of their first and its results."""

    read: list[Maps]
    firsts: list[Maps]
    halves: list[Maps]

    @property
    def all(self) -> list[Maps]:
        return [*self.read, *self.firsts, *self.halves]


class _MixedSum(torch.autograd.Function):
    """`mixed_sum` of a plan, gates, and the tensors of the plan; its backward gives each of them its gradient."""

    @staticmethod
    def forward(ctx: Any, plan: _Computation, gates: Tensor, *tensors: Tensor) -> Tensor:
        rectified, others, weights = plan.divided(tensors)
        values, ctx.inner = _forward_to_last_stage(plan, rectified, weights)
        chains = len(plan.layout.chains)
        ctx.outer = _normalised(plan, values.read, plan.layout.last, weights, gates[plan.layout.order])
        ctx.plan, ctx.forms = plan, [(len(maps.tensors), maps.number) for maps in values.all]
        ctx.save_for_backward(gates, *tensors, *[tensor for maps in values.all for tensor in maps.tensors])
        return plan.kernel.product_sum(ctx.outer.matrices, values.read, ctx.outer.biases.sum(dim=0), others, gates[chains:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        plan, chains = ctx.plan, len(ctx.plan.layout.chains)
        gates, tensors, values = _cut(ctx.saved_tensors, plan, ctx.forms)
        rectified, others, weights = plan.divided(tensors)
        wanted, _, learning = plan.divided(ctx.needs_input_grad[2:])
        found = _WeightGradients(any(step.pointwise for own in learning for step in own))

        gradient = channels_last(gradient)
        d_bias = plan.kernel.sums([plan.kernel.gathered([gradient])])
        d_outer = ctx.outer.backward(plan.kernel.cross(gradient, values.read), d_bias.expand(chains, -1), found.learning)
        d_read = plan.kernel.products(d_outer.factors, [gradient, values.read], d_outer.shifts)
        found.add_points(plan.layout, plan.layout.last, d_outer)
        if ctx.inner is not None:
            _backward_to_first_stage(plan, ctx.inner, values, weights, d_read, found)
        d_states = _backward_to_states(plan, rectified, weights, d_read, wanted, found)
        d_others = plan.kernel.scaled(gradient, gates[chains:])
        d_gates = torch.empty_like(gates)
        d_gates[plan.layout.order] = d_outer.gates
        d_gates[chains:] = plan.kernel.dots(gradient, others)
        return None, d_gates, *d_states, *d_others, *found.in_order(weights)


@dataclass
class _WeightGradients:
    """The gradients of depthwise and 1x1 convolutions by chain and step; none unless weights are `learning`."""

    learning: bool
    filters: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    points: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def add_points(self, layout: Layout, places: Places, gradient: _NormalisedGradient) -> None:
        if gradient.weights is None:
            return
        for place, step, found in zip(places, layout.steps(places), gradient.weights, strict=True):
            self.points[place] = found if step.rows is None else found[slice(*step.rows)]

    def add_filters(self, step: int, families: Sequence[_Family], gradients: Sequence[Sequence[Tensor]]) -> None:
        for family, own in zip(families, gradients, strict=True):
            self.filters.update(((t, step), d) for t, d in zip(family.chains, own, strict=True))

    def in_order(self, weights: ChainWeights) -> list[Tensor | None]:
        """As the weights came."""
        ordered: list[Tensor | None] = []
        for t, own in enumerate(weights):
            for number, step in enumerate(own):
                ordered += [] if step.depthwise is None else [self.filters.get((t, number))]
                found = self.points.get((t, number))
                ordered.append(None if found is None else found.reshape(step.pointwise.shape))
        return ordered


def _forward_to_last_stage(
    plan: _Computation, rectified: Sequence[Tensor], weights: ChainWeights
) -> tuple[_Values, _Normalised | None]:
    """What the last steps multiply, and the normalisation of the first steps where there are any before the last."""
    found = plan.kernel.depthwise(plan.gathered_groups(rectified), plan.filters(0, plan.layout.groups, weights))
    begun = {
        f: maps for group, results in zip(plan.layout.groups, found, strict=True) for f, maps in zip(group, results, strict=True)
    }
    read = [begun[f] if f in begun else plan.gathered(family.sources, rectified) for f, family in enumerate(plan.layout.families)]
    if not plan.layout.twice:
        return _Values(read, [], []), None
    firsts = [read[f] for f in plan.layout.twice]
    inner = _normalised(plan, firsts, plan.layout.first, weights)
    halves = plan.kernel.products(inner.matrices[:, None], [firsts], inner.biases, rectify=True)
    second = plan.kernel.depthwise(halves, plan.filters(1, [[f] for f in plan.layout.twice], weights))
    for f, (z,) in zip(plan.layout.twice, second, strict=True):
        read[f] = z
    return _Values(read, firsts, halves), inner


def _backward_to_first_stage(
    plan: _Computation, inner: _Normalised, values: _Values, weights: ChainWeights, d_read: list[Maps], found: _WeightGradients
) -> None:
    """In `d_read` the gradients of what the last steps multiply give place to those of the first."""
    gradients, filters = [[d_read[f]] for f in plan.layout.twice], plan.filters(1, [[f] for f in plan.layout.twice], weights)
    if found.learning:
        d_filters = plan.kernel.depthwise_weight(gradients, filters, values.halves)
        found.add_filters(1, [plan.layout.families[f] for f in plan.layout.twice], [own for (own,) in d_filters])
    masked = plan.kernel.depthwise_input(gradients, filters, values.halves, rectified=True)
    d_inner = inner.backward(plan.kernel.cross(masked, values.firsts), plan.kernel.sums(masked), found.learning)
    found.add_points(plan.layout, plan.layout.first, d_inner)
    first = plan.kernel.products(d_inner.factors, [masked, values.firsts], d_inner.shifts)
    for f, gradient in zip(plan.layout.twice, first, strict=True):
        d_read[f] = gradient


def _backward_to_states(
    plan: _Computation,
    rectified: Sequence[Tensor],
    weights: ChainWeights,
    d_read: list[Maps],
    wanted: Sequence[bool],
    found: _WeightGradients,
) -> list[Tensor | None]:
    """The gradients of the rectified states, from those of what the first steps multiply; None where not `wanted`."""
    xs, filters = plan.gathered_groups(rectified), plan.filters(0, plan.layout.groups, weights)
    gradients = [[d_read[f] for f in group] for group in plan.layout.groups]
    if found.learning:
        for group, own in zip(plan.layout.groups, plan.kernel.depthwise_weight(gradients, filters, xs), strict=True):
            found.add_filters(0, [plan.layout.families[f] for f in group], own)
    d_states: list[Tensor | None] = [None] * plan.states
    if any(wanted):
        before = plan.kernel.depthwise_input(gradients, filters, xs)
        of_groups = [(plan.layout.families[group[0]].sources, maps) for group, maps in zip(plan.layout.groups, before, strict=True)]
        alone = [(family.sources, maps) for family, maps in zip(plan.layout.families, d_read, strict=True) if not family.filtered]
        for sources, maps in (*of_groups, *alone):
            for source, gradient in zip(sources, plan.kernel.separated(maps), strict=True):
                so_far = d_states[source]
                d_states[source] = gradient if so_far is None else so_far + gradient
    return d_states


def _cut(saved: Sequence[Tensor], plan: _Computation, forms: Sequence[tuple[int, int]]) -> tuple[Tensor, list[Tensor], _Values]:
    """Gates, the plan's tensors, and the values."""
    gates, *rest = saved
    given = len(rest) - sum(tensors for tensors, _ in forms)
    behind = iter(rest[given:])
    maps = [Maps(tuple(islice(behind, tensors)), number) for tensors, number in forms]
    families, twice = len(plan.layout.families), len(plan.layout.twice)
    return gates, rest[:given], _Values(maps[:families], maps[families : families + twice], maps[families + twice :])


@dataclass(frozen=True)
class _Normalised:
    """g BN(W z) = A z + b for T terms at once, and its gradient: the equations at the head of this file.

    weights (W), covariance (K): (T, C, C). gates (g): (T,). mean (m), mu, r: (T, C). count: N. Where running statistics are used,
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
        """From dA (T, C, C) and db (T, C); that of the weights only if they are `learning`."""
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
    """dW (T, C, C) or None, dg (T,), and the factors of G and of z in dz, (T, 2, C, C), and what is added, (T, C).

    Where running statistics are used, the factors of z and what is added are zero.
    """

    weights: Tensor | None
    gates: Tensor
    factors: Tensor
    shifts: Tensor


def _normalised(
    plan: _Computation, read: Sequence[Maps], places: Places, weights: ChainWeights, gates: Tensor | None = None
) -> _Normalised:
    """Of the steps at these places, of chains: with the statistics of what they read, or their running ones.

    Without gates all are one.
    """
    steps = plan.layout.steps(places)
    norms, rows = [step.norm for step in steps], [step.rows for step in steps]
    own = [weights[t][number].pointwise for t, number in places]
    matrices = torch.stack([_matrix(weight, step.rows) for weight, step in zip(own, steps, strict=True)])
    gates = matrices.new_ones(len(places)) if gates is None else gates
    count, eps = read[0].positions, norms[0].eps
    if not plan.training:
        mu, variance = running_statistics(norms, rows)
        return _Normalised(matrices, gates, None, None, mu, (variance + eps).rsqrt(), count)
    mean, covariance = plan.kernel.moments(read)
    process_group, positions = process_group_of(norms[0]), float(count)
    if process_group.size > 1:
        mean, covariance, total = all_moments(mean, covariance, count, process_group)
        positions = float(total)
    mu = (matrices @ mean[:, :, None]).squeeze(2)
    variance = ((matrices @ covariance) * matrices).sum(dim=2).clamp_min(0.0)
    update_statistics(norms, mu, variance, positions, rows)
    return _Normalised(matrices, gates, mean, covariance, mu, (variance + eps).rsqrt(), positions, process_group)


def _matrix(weight: Tensor, rows: tuple[int, int] | None) -> Tensor:
    """(C, C) of the 1x1 convolution's weight (C or fewer, C, 1, ...)."""
    matrix = weight.flatten(1)
    return matrix if rows is None else nn.functional.pad(matrix, (0, 0, rows[0], matrix.shape[1] - rows[1]))
