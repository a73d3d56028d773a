"""The sum of many candidate operations, weighted by gates, as one operation (Liu et al. 2019, arXiv:1806.09055, eq. 2).

    x_j = sum over i < j and candidates o of g_(ij, o) o(x_i)

Most candidates are a chain of stages on the rectified state, and a stage ends in a 1x1 convolution W and a batch normalisation
without scale and shift, of some z: a depthwise convolution, or the state itself. Together with its gate g, all that is linear in z:

    g BN(W z) = A z + b,    A = g r W (each row with its own r),    b = -g r mu,    r = (v + eps)^(-1/2)
    mu = W m,    v = diag(W K W^T)    with m and K the mean and the covariance of z over all N positions

so a node is one sum of products A_t z_t, and neither W z nor its normalisation is ever stored. Backwards, from the gradient G of
the sum, dA_t = sum over positions of G z_t^T and db = sum over positions of G give

    ds = row sums of dA * W - db mu,    where s = g r         dg = sum of ds r
    dv = -g r^3 ds / 2                                        dmu = -s db
    dW = s dA + 2 dv W K + dmu m^T (each row with its own s and dv)
    dK = W^T diag(dv) W,    dm = W^T dmu                      dz = A^T G + (2 dK (z - m) + dm) / N

which is the gradient of gate, normalisation and 1x1 convolution in one. With g = 1 and a ReLU behind, the same equations are the
first stage of a separable convolution. The gradient of a depthwise convolution with respect to its input is, at stride 1, a
convolution with the flipped kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archwright.ops.depthwise import Filter
from archwright.ops.kernels import Kernel, channels_last
from archwright.ops.running_statistics import Norm, running_statistics, update_statistics

Conv = nn.Conv1d | nn.Conv2d


@dataclass(frozen=True)
class Stage:
    """A depthwise convolution (or none), a 1x1 convolution W, a batch normalisation."""

    depthwise: Conv | None
    pointwise: Conv
    norm: Norm


@dataclass(frozen=True)
class Chain:
    """One or two stages, with a ReLU between them, on the rectified state of number `source`."""

    source: int
    stages: tuple[Stage, ...]


def mixed_sum(
    kernel: Kernel,
    chains: Sequence[Chain],
    rectified: Sequence[Tensor],
    others: Sequence[Tensor],
    gates: Tensor,
    *,
    training: bool,
) -> Tensor:
    """sum of g_t chain_t(rectified state) and of g_o x_o. Moves the running statistics of all normalisations while `training`.

    rectified: (B, C, ...) each, of one or several sizes; others: (B, C, ...) each, of the result's. gates: (chains + others,),
    those of the chains first. At least one chain. Returns (B, C, ...).
    """
    plan = _Plan(kernel, tuple(chains), len(rectified), len(others), training)
    weights = [weight for chain in chains for stage in chain.stages for weight in _weights(stage)]
    precision = weights[0].dtype
    with torch.autocast(gates.device.type, enabled=False):  # statistics need full precision
        tensors = [channels_last(tensor.to(precision)) for tensor in (*rectified, *others)]
        total: Tensor = _MixedSum.apply(plan, gates.to(precision), *tensors, *weights)  # type: ignore[no-untyped-call]
    return total


def _weights(stage: Stage) -> list[Tensor]:
    return [conv.weight for conv in (stage.depthwise, stage.pointwise) if conv is not None]


@dataclass(frozen=True)
class _StageWeights:
    """depthwise: (C, 1, k, ...) or None. pointwise: (C, C, 1, ...)."""

    depthwise: Tensor | None
    pointwise: Tensor


@dataclass(frozen=True)
class _Plan:
    """What `_MixedSum` computes, and how its tensors are divided: rectified states, others, weights."""

    kernel: Kernel
    chains: tuple[Chain, ...]
    states: int
    others: int
    training: bool

    @cached_property
    def twice(self) -> list[int]:
        """The chains of two stages."""
        return [t for t, chain in enumerate(self.chains) if len(chain.stages) == 2]

    @cached_property
    def filtered(self) -> dict[int, list[int]]:
        """For each rectified state the chains that begin with a depthwise convolution of it."""
        found: dict[int, list[int]] = {}
        for t, chain in enumerate(self.chains):
            if chain.stages[0].depthwise is not None:
                found.setdefault(chain.source, []).append(t)
        return found

    def divided(self, tensors: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor], list[list[_StageWeights]]]:
        """Rectified states, others, and for each chain the weights of its stages."""
        behind = iter(tensors[self.states + self.others :])
        weights = [
            [_StageWeights(next(behind) if stage.depthwise is not None else None, next(behind)) for stage in chain.stages]
            for chain in self.chains
        ]
        return tensors[: self.states], tensors[self.states : self.states + self.others], weights

    def filters(self, stage: int, chains: Sequence[Sequence[int]], weights: list[list[_StageWeights]]) -> list[list[Filter]]:
        """The depthwise convolutions of a stage, of several groups of chains."""
        return [[self._filter(self.chains[t].stages[stage], weights[t][stage]) for t in group] for group in chains]

    def _filter(self, stage: Stage, weights: _StageWeights) -> Filter:
        if stage.depthwise is None or weights.depthwise is None:
            raise TypeError("a stage without a depthwise convolution: ask only for those of `filtered` and `twice`")
        return Filter(weights.depthwise, stage.depthwise.stride[-1], stage.depthwise.dilation[-1])


@dataclass
class _Values:
    """What a pass computes: the z of each chain's last stage; and of the chains of two, the z of their first and its results."""

    read: list[Tensor]
    firsts: list[Tensor]
    halves: list[Tensor]


class _MixedSum(torch.autograd.Function):
    """`mixed_sum` of a plan, gates, and the tensors of the plan; its backward gives each of them its gradient."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, gates: Tensor, *tensors: Tensor) -> Tensor:
        rectified, others, weights = plan.divided(tensors)
        values, ctx.inner = _forward_to_last_stage(plan, rectified, weights)
        norms = [chain.stages[-1].norm for chain in plan.chains]
        ctx.outer = _normalised(plan, values.read, [own[-1] for own in weights], norms, gates[: len(norms)])
        ctx.plan = plan
        ctx.save_for_backward(gates, *tensors, *values.read, *values.firsts, *values.halves)
        bias = ctx.outer.biases.sum(dim=0)
        return plan.kernel.product_sum(ctx.outer.matrices, values.read, bias, others, gates[len(norms) :])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        plan, chains = ctx.plan, len(ctx.plan.chains)
        gates, tensors, values = _cut(ctx.saved_tensors, plan)
        rectified, others, weights = plan.divided(tensors)
        wanted, _, learning = plan.divided(ctx.needs_input_grad[2:])
        found = _WeightGradients(any(stage.pointwise for own in learning for stage in own))

        gradient = channels_last(gradient)
        gradients = [gradient] * chains
        d_outer = ctx.outer.backward(plan.kernel.cross(gradients, values.read), _sum(gradient).expand(chains, -1))
        d_read = d_outer.of_read(plan.kernel, gradients, values.read)
        found.points.update(
            ((t, len(chain.stages) - 1), d) for t, (chain, d) in enumerate(zip(plan.chains, d_outer.weights, strict=True))
        )
        if ctx.inner is not None:
            _backward_to_first_stage(plan, ctx.inner, values, weights, d_read, found)
        d_states = _backward_to_states(plan, rectified, weights, d_read, wanted, found)
        d_others = [gradient * gate for gate in gates[chains:]]
        d_gates = torch.cat([d_outer.gates, *[_dot(gradient, x).reshape(1) for x in others]])
        return None, d_gates, *d_states, *d_others, *found.in_order(weights)


@dataclass
class _WeightGradients:
    """The gradients of depthwise and 1x1 convolutions by chain and stage; the former only if weights are `learning`."""

    learning: bool
    filters: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    points: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def in_order(self, weights: list[list[_StageWeights]]) -> list[Tensor | None]:
        """As the weights came."""
        ordered: list[Tensor | None] = []
        for t, own in enumerate(weights):
            for number, stage in enumerate(own):
                ordered += [] if stage.depthwise is None else [self.filters.get((t, number))]
                ordered.append(self.points[t, number].reshape(stage.pointwise.shape))
        return ordered


def _forward_to_last_stage(
    plan: _Plan, rectified: Sequence[Tensor], weights: list[list[_StageWeights]]
) -> tuple[_Values, _Normalised | None]:
    """What the last stages multiply, and the normalisation of the first stages where there are any before the last."""
    read = [rectified[chain.source] for chain in plan.chains]
    sources, groups = list(plan.filtered), list(plan.filtered.values())
    found = plan.kernel.depthwise([rectified[source] for source in sources], plan.filters(0, groups, weights))
    for own, results in zip(groups, found, strict=True):
        for t, z in zip(own, results, strict=True):
            read[t] = z
    if not plan.twice:
        return _Values(read, [], []), None
    firsts = [read[t] for t in plan.twice]
    norms = [plan.chains[t].stages[0].norm for t in plan.twice]
    inner = _normalised(plan, firsts, [weights[t][0] for t in plan.twice], norms)
    halves = plan.kernel.products(inner.matrices[:, None], [firsts], inner.biases, rectify=True)
    second = plan.kernel.depthwise(halves, plan.filters(1, [[t] for t in plan.twice], weights))
    for t, (z,) in zip(plan.twice, second, strict=True):
        read[t] = z
    return _Values(read, firsts, halves), inner


def _backward_to_first_stage(
    plan: _Plan,
    inner: _Normalised,
    values: _Values,
    weights: list[list[_StageWeights]],
    d_read: list[Tensor],
    found: _WeightGradients,
) -> None:
    """In `d_read` the gradients of what the last stages multiply give place to those of the first."""
    gradients, filters = [[d_read[t]] for t in plan.twice], plan.filters(1, [[t] for t in plan.twice], weights)
    if found.learning:
        for t, (d_filter,) in zip(plan.twice, plan.kernel.depthwise_weight(gradients, filters, values.halves), strict=True):
            found.filters[t, 1] = d_filter
    masked = plan.kernel.depthwise_input(gradients, filters, values.halves, rectified=True)
    d_inner = inner.backward(plan.kernel.cross(masked, values.firsts), torch.stack([_sum(gradient) for gradient in masked]))
    found.points.update(((t, 0), d) for t, d in zip(plan.twice, d_inner.weights, strict=True))
    for t, gradient in zip(plan.twice, d_inner.of_read(plan.kernel, masked, values.firsts), strict=True):
        d_read[t] = gradient


def _backward_to_states(
    plan: _Plan,
    rectified: Sequence[Tensor],
    weights: list[list[_StageWeights]],
    d_read: list[Tensor],
    wanted: Sequence[Tensor],
    found: _WeightGradients,
) -> list[Tensor | None]:
    """The gradients of the rectified states, from those of what the first stages multiply; None where not `wanted`."""
    d_states: list[Tensor | None] = [None] * plan.states
    for source, own in plan.filtered.items():
        xs, filters, gradients = [rectified[source]], plan.filters(0, [own], weights), [[d_read[t] for t in own]]
        if found.learning:
            (d_filters,) = plan.kernel.depthwise_weight(gradients, filters, xs)
            found.filters.update(((t, 0), d) for t, d in zip(own, d_filters, strict=True))
        if wanted[source]:
            (d_states[source],) = plan.kernel.depthwise_input(gradients, filters, xs)
    for t, chain in enumerate(plan.chains):
        if chain.stages[0].depthwise is None:
            before = d_states[chain.source]
            d_states[chain.source] = d_read[t] if before is None else before.add_(d_read[t])
    return d_states


def _cut(saved: Sequence[Tensor], plan: _Plan) -> tuple[Tensor, list[Tensor], _Values]:
    """Gates, the plan's tensors, and the values."""
    gates, *rest = saved
    twice = len(plan.twice)
    given = len(rest) - len(plan.chains) - 2 * twice
    ends = (0, given, given + len(plan.chains), len(rest) - twice, len(rest))
    tensors, read, firsts, halves = (rest[a:b] for a, b in pairwise(ends))
    return gates, tensors, _Values(read, firsts, halves)


@dataclass(frozen=True)
class _Normalised:
    """g BN(W z) = A z + b for T terms at once, and its gradient: the equations at the head of this file.

    weights (W), covariance (K): (T, C, C). gates (g): (T,). mean (m), mu, r: (T, C). count: N. Where running statistics are used,
    which do not depend on z, mean and covariance are None.
    """

    weights: Tensor
    gates: Tensor
    mean: Tensor | None
    covariance: Tensor | None
    mu: Tensor
    r: Tensor
    count: int

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

    def backward(self, d_matrices: Tensor, d_biases: Tensor) -> _NormalisedGradient:
        """From dA (T, C, C) and db (T, C)."""
        d_scale = (d_matrices * self.weights).sum(dim=2) - d_biases * self.mu
        d_gates = (d_scale * self.r).sum(dim=1)
        d_weights = self.scale[:, :, None] * d_matrices
        if self.mean is None or self.covariance is None:
            return _NormalisedGradient(d_weights, d_gates, self.matrices.mT[:, None], None)
        d_mu = -self.scale * d_biases
        weighted = (-0.5 * self.gates[:, None] * self.r**3 * d_scale)[:, :, None] * self.weights  # diag(dv) W
        d_weights += 2 * weighted @ self.covariance + d_mu[:, :, None] * self.mean[:, None, :]
        slopes = 2 * self.weights.mT @ weighted
        shifts = (self.weights.mT @ d_mu[:, :, None] - slopes @ self.mean[:, :, None]).squeeze(2)
        factors = torch.stack([self.matrices.mT, slopes / self.count], dim=1)
        return _NormalisedGradient(d_weights, d_gates, factors, shifts / self.count)


@dataclass(frozen=True)
class _NormalisedGradient:
    """dW (T, C, C), dg (T,), and the factors of G and of z in dz, (T, 2, C, C), and what is added, (T, C).

    Where running statistics are used, z has no factor and nothing is added.
    """

    weights: Tensor
    gates: Tensor
    factors: Tensor
    shifts: Tensor | None

    def of_read(self, kernel: Kernel, gradients: Sequence[Tensor], read: Sequence[Tensor]) -> list[Tensor]:
        """dz of each term, from the gradient G of its A z + b."""
        return kernel.products(self.factors, [gradients] if self.shifts is None else [gradients, read], self.shifts)


def _normalised(
    plan: _Plan, read: Sequence[Tensor], weights: Sequence[_StageWeights], norms: Sequence[Norm], gates: Tensor | None = None
) -> _Normalised:
    """With the statistics of what the stages read, (B, C, ...) each, or their running ones. Without gates all are one."""
    matrices = torch.stack([weight.pointwise.flatten(1) for weight in weights])
    gates = matrices.new_ones(len(read)) if gates is None else gates
    count, eps = read[0].numel() // read[0].shape[1], norms[0].eps
    if not plan.training:
        mu, variance = running_statistics(norms)
        return _Normalised(matrices, gates, None, None, mu, (variance + eps).rsqrt(), count)
    mean, covariance = plan.kernel.moments(read)
    mu = (matrices @ mean[:, :, None]).squeeze(2)
    variance = ((matrices @ covariance) * matrices).sum(dim=2).clamp_min(0.0)
    update_statistics(norms, mu, variance, count)
    return _Normalised(matrices, gates, mean, covariance, mu, (variance + eps).rsqrt(), count)


def _sum(x: Tensor) -> Tensor:
    """Over all positions: (B, C, ...) -> (C,)."""
    return x.sum(dim=(0, *range(2, x.dim())))


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """The sum of all products, ()."""
    return torch.dot(torch.movedim(x, 1, -1).reshape(-1), torch.movedim(y, 1, -1).reshape(-1))
