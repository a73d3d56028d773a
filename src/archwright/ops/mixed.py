"""The nodes of a cell with all candidate operations on all edges, weighted by gates (Liu et al. 2019, arXiv:1806.09055, eq. 2).

    x_j = sum over i < j and candidates o of g_(ij, o) o(x_i)

The sum is not computed operation by operation. Most candidates end in a 1x1 convolution W and a batch normalisation without scale
and shift, of some z (B, C, ...): a depthwise convolution of the rectified state, or that state itself. Together with its gate g, all
that is linear in z:

    g BN(W z) = A z + b,    A = g r W (each row with its own r),  b = -g r mu,    r = (v + eps)^(-1/2)
    mu = W m,  v = diag(W K W^T)    with m and K the mean and the covariance of z over all positions

so that a node is one sum of products A_t z_t, and neither W z nor its normalisation is ever stored. Backwards, from the gradient G of
the node: dA_t = sum over positions of G z_t^T and db = sum of G give, through the equations above,

    ds = rows of (dA * W) - db mu,    s = g r          dg = sum of ds r
    dv = -g r^3 ds / 2                                 dmu = -s db
    dW = s dA + 2 dv W K + dmu m^T                     dK = W^T diag(dv) W,    dm = W^T dmu
    dz = A^T G + (2 dK (z - m) + dm) / N               with N positions

which is the gradient of 1x1 convolution, batch normalisation and gate in one. The same equations with g = 1 and a ReLU behind give
the first half of a separable convolution. What operations on one state have in common is computed once: its ReLU, its poolings and
their normalisation. `none` is not computed, nor is any candidate whose gate is exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archwright.ops.candidates import POOLS, Zero, candidate
from archwright.ops.convolution import DilatedSeparableConv, FactorizedReduction, ReLUConvBatchNorm, SeparableConv
from archwright.ops.kernels import Kernel, PlainKernel
from archwright.ops.partial_channels import PartialChannels

NONE = "none"
Active = Sequence[Sequence[bool]]
"""Per edge and candidate, whether its gate is not exactly zero."""
Norm = nn.BatchNorm1d | nn.BatchNorm2d
Conv = nn.Conv1d | nn.Conv2d


def active_gates(gates: Tensor) -> list[list[bool]]:
    """Which of the gates (edges, candidates) are not exactly zero, as numbers outside of any graph: one wait for the device."""
    nonzero: list[list[bool]] = (gates.detach() != 0).tolist()
    return nonzero


class MixedNodes(nn.Module):
    """The nodes of one cell: each sums all candidates on all earlier states.

    Edges are numbered node by node, within a node by the state that they read. Batch normalisations have no scale and shift.
    `normalise_pools`: a batch normalisation follows each pooling. `partial_channels`: see PartialChannels. `auxiliary_skip`: there
    is a skip connection of weight `auxiliary` on each edge that has a gate, outside of the gates (DARTS-, Chu et al. 2021,
    arXiv:2009.01027); at stride 2 it is a factorized reduction of its own.
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
        self.kernel: Kernel = PlainKernel()
        mixed = channels // partial_channels
        self.zero = Zero(mixed, strides[0])
        shared = [name for name in self.candidates if name in POOLS]
        own = [name for name in self.candidates if name not in (*POOLS, NONE)]

        def operations(names: list[str], stride: int) -> nn.ModuleDict:
            made = {
                name: candidate(name, dimensions, mixed, stride, affine=False, normalise_pools=normalise_pools) for name in names
            }
            return nn.ModuleDict(made)

        strides_of_edges = [self.strides[state] for edges in self.edges_into for state in range(len(edges))]
        self.pools = nn.ModuleList(operations(shared, stride) for stride in self.strides[:-1])
        self.edges = nn.ModuleList(operations(own, stride) for stride in strides_of_edges)
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
        parts = [_State(self._part(state)) for state in states]
        for edges in self.edges_into:
            node = self._node(parts, edges, gates, active, auxiliary)
            if self.partial:
                weights = [gates[edge].sum() if any(active[edge]) else None for edge in edges]
                node = self.partial.join(node, states, weights, self.strides)
            states.append(node)
            parts.append(_State(self._part(node)))
        return states[self.inputs :]

    def _part(self, state: Tensor) -> Tensor:
        return self.partial.part(state) if self.partial else state

    def _node(self, states: list[_State], edges: range, gates: Tensor, active: Active, auxiliary: float) -> Tensor:
        chains: list[_Chain] = []
        others: list[tuple[Tensor, Tensor]] = []
        for number, edge in enumerate(edges):
            state = states[number]
            for column, name in enumerate(self.candidates):
                if active[edge][column] and name != NONE:
                    operation, gate = self.operation(edge, number, name), gates[edge, column]
                    stages = _stages(operation)
                    if stages:
                        chains.append(_Chain(state.rectified(), stages, gate))
                    else:
                        others.append((state.pooled(operation) if name in POOLS else operation(state.x), gate))
            if auxiliary and any(active[edge]):
                others.append((self.skips[edge](state.x), gates.new_tensor(auxiliary)))
        return self._mixed(chains, others) if chains or others else self.zero(states[self.inputs - 1].x)

    def _mixed(self, chains: list[_Chain], others: list[tuple[Tensor, Tensor]]) -> Tensor:
        """The gate-weighted sum of all chains and all other tensors."""
        if not chains:
            return sum((gate * x for x, gate in others[1:]), others[0][1] * others[0][0])
        first = [chain for chain in chains if len(chain.stages) > 1]
        read = [self._depthwise(chain.x, chain.stages[0]) for chain in chains]
        halves = iter(self._rectified([z for z, chain in zip(read, chains, strict=True) if chain in first], first))
        read = [
            self._depthwise(next(halves), chain.stages[1]) if len(chain.stages) > 1 else z
            for z, chain in zip(read, chains, strict=True)
        ]
        norms = [chain.stages[-1].norm for chain in chains]
        weights = _stacked([chain.stages[-1].pointwise for chain in chains])
        gates = torch.stack([chain.gate for chain in chains] + [gate for _, gate in others])
        running = _running(norms, self.training)
        total, mean, variance = _MixedSum.apply(
            self.kernel, norms[0].eps, len(chains), running, weights, gates, *read, *[x for x, _ in others]
        )
        if self.training:
            _update(norms, mean, variance, total)
        return total

    def _rectified(self, read: list[Tensor], chains: list[_Chain]) -> list[Tensor]:
        """Stage one of the chains that have two: 1x1 convolution, normalisation, ReLU."""
        if not read:
            return []
        norms = [chain.stages[0].norm for chain in chains]
        weights = _stacked([chain.stages[0].pointwise for chain in chains])
        mean, variance, *halves = _RectifiedProducts.apply(
            self.kernel, norms[0].eps, _running(norms, self.training), weights, *read
        )
        if self.training:
            _update(norms, mean, variance, read[0])
        return halves

    def _depthwise(self, x: Tensor, stage: _Stage) -> Tensor:
        if stage.depthwise is None:
            return x
        conv = stage.depthwise
        z: Tensor = _Depthwise.apply(self.kernel, x, conv.weight, conv.stride[-1], conv.dilation[-1])
        return z


def edges_into(inputs: int, nodes: int) -> list[range]:
    """The numbers of the edges into each node, one from every earlier state."""
    first, edges = 0, []
    for node in range(nodes):
        edges.append(range(first, first + inputs + node))
        first += inputs + node
    return edges


class _State:
    """A state and what several operations on it have in common, computed when first asked for."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self._rectified: Tensor | None = None
        self._pooled: dict[int, Tensor] = {}

    def rectified(self) -> Tensor:
        if self._rectified is None:
            self._rectified = self.x.relu()
        return self._rectified

    def pooled(self, pool: nn.Module) -> Tensor:
        if id(pool) not in self._pooled:
            self._pooled[id(pool)] = pool(self.x)
        return self._pooled[id(pool)]


@dataclass(frozen=True)
class _Stage:
    """A depthwise convolution (or none), a 1x1 convolution, a batch normalisation."""

    depthwise: Conv | None
    pointwise: Conv
    norm: Norm


@dataclass(frozen=True, eq=False)
class _Chain:
    """One or two stages on a rectified state (B, C, ...), with a ReLU between them; its gate ()."""

    x: Tensor
    stages: list[_Stage]
    gate: Tensor


def _stages(operation: nn.Module) -> list[_Stage]:
    """The stages of an operation that is a chain of such; empty for all others."""
    if isinstance(operation, SeparableConv | DilatedSeparableConv):
        layers = list(operation)
        return [_Stage(*layers[i + 1 : i + 4]) for i in range(0, len(layers), 4)]
    if isinstance(operation, ReLUConvBatchNorm):
        _, conv, norm = operation
        if set(conv.kernel_size) == set(conv.stride) == {1}:
            return [_Stage(None, conv, norm)]
    return []


def _stacked(convs: list[Conv]) -> Tensor:
    """(convolutions, C, C)."""
    return torch.stack([conv.weight.flatten(1) for conv in convs])


Running = tuple[Tensor, Tensor] | None
"""Running mean and variance, (T, C) each, of T normalisations; None while training, when a batch is normalised by its own."""


def _running(norms: list[Norm], training: bool) -> Running:
    if training:
        return None
    return torch.stack([_tensor(n.running_mean) for n in norms]), torch.stack([_tensor(n.running_var) for n in norms])


def _tensor(statistic: Tensor | None) -> Tensor:
    if statistic is None:
        raise TypeError("a batch normalisation without running statistics")
    return statistic


@torch.no_grad()
def _update(norms: list[Norm], mean: Tensor, variance: Tensor, like: Tensor) -> None:
    """Moves the running statistics as batch normalisation does: towards the unbiased variance. mean, variance: (T, C)."""
    count = like.numel() // like.shape[1]
    unbiased = variance * (count / max(1, count - 1))
    for norm, m, v in zip(norms, mean, unbiased, strict=True):
        _tensor(norm.running_mean).lerp_(m, norm.momentum or 0.0)
        _tensor(norm.running_var).lerp_(v, norm.momentum or 0.0)
        _tensor(norm.num_batches_tracked).add_(1)


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution by a kernel's forward and backward functions."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.kernel, ctx.stride, ctx.dilation = kernel, stride, dilation
        ctx.save_for_backward(x, weight)
        return kernel.depthwise(x, weight, stride, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        _, needs_x, needs_weight, _, _ = ctx.needs_input_grad
        gradient = _laid_out_like(gradient, x)
        dx = ctx.kernel.depthwise_input(gradient, x, weight, ctx.stride, ctx.dilation) if needs_x else None
        dw = ctx.kernel.depthwise_weight(gradient, x, weight, ctx.stride, ctx.dilation) if needs_weight else None
        return None, dx, dw, None, None


@dataclass(frozen=True)
class _Affine:
    """g BN(W z) = A z + b for T terms at once, and its gradient: the equations at the head of this file.

    weights, covariance, matrices: (T, C, C). gates: (T,). mean (of z), mu, variance: (T, C). mean and covariance are None where the
    running statistics are used, which do not depend on z.
    """

    weights: Tensor
    gates: Tensor
    mean: Tensor | None
    covariance: Tensor | None
    mu: Tensor
    variance: Tensor
    eps: float

    @property
    def r(self) -> Tensor:
        return (self.variance + self.eps).rsqrt()

    @property
    def scale(self) -> Tensor:
        return self.gates[:, None] * self.r

    @property
    def matrices(self) -> Tensor:
        return self.scale[:, :, None] * self.weights

    @property
    def biases(self) -> Tensor:
        """(T, C)"""
        return -self.scale * self.mu

    def backward(self, d_matrices: Tensor, d_biases: Tensor) -> _AffineGradient:
        r, scale = self.r, self.scale
        d_scale = (d_matrices * self.weights).sum(dim=2) - d_biases * self.mu
        d_gates = (d_scale * r).sum(dim=1)
        d_weights = scale[:, :, None] * d_matrices
        if self.mean is None or self.covariance is None:
            return _AffineGradient(d_weights, d_gates, None, None)
        d_mu = -scale * d_biases
        d_variance = -0.5 * self.gates[:, None] * r**3 * d_scale
        weighted = d_variance[:, :, None] * self.weights
        d_weights += 2 * weighted @ self.covariance + d_mu[:, :, None] * self.mean[:, None, :]
        d_covariance = self.weights.mT @ weighted
        d_mean = (self.weights.mT @ d_mu[:, :, None]).squeeze(2) - 2 * (d_covariance @ self.mean[:, :, None]).squeeze(2)
        return _AffineGradient(d_weights, d_gates, d_mean, 2 * d_covariance)


@dataclass(frozen=True)
class _AffineGradient:
    """weights (T, C, C), gates (T,); and what z's gradient gets from the statistics: (slopes z + shifts) / N."""

    weights: Tensor
    gates: Tensor
    shifts: Tensor | None
    slopes: Tensor | None

    def of_z(self, kernel: Kernel, t: int, z: Tensor, matrix: Tensor, gradient: Tensor) -> Tensor:
        """matrix^T gradient, and through the statistics."""
        total = kernel.product(gradient, matrix.T)
        if self.slopes is None or self.shifts is None:
            return total
        count = z.numel() // z.shape[1]
        total = kernel.product(gradient, matrix.T, self.shifts[t] / count)
        return kernel.add_product(total, z, self.slopes[t] / count)


def _affine(kernel: Kernel, read: Sequence[Tensor], weights: Tensor, gates: Tensor, running: Running, eps: float) -> _Affine:
    """With the statistics of `read` (B, C, ...) each, or the running ones."""
    if running is not None:
        return _Affine(weights, gates, None, None, *running, eps)
    moments = [kernel.moments(z) for z in read]
    mean, covariance = (torch.stack(parts) for parts in zip(*moments, strict=True))
    mu = (weights @ mean[:, :, None]).squeeze(2)
    variance = ((weights @ covariance) * weights).sum(dim=2)
    return _Affine(weights, gates, mean, covariance, mu, variance, eps)


class _RectifiedProducts(torch.autograd.Function):
    """ReLU(BN(W_t z_t)) for each of T tensors. Returns mean and variance of each W z, (T, C), and the T results."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, eps: float, running: Running, weights: Tensor, *read: Tensor) -> tuple[Tensor, ...]:
        affine = _affine(kernel, read, weights, weights.new_ones(len(read)), running, eps)
        matrices, biases = affine.matrices, affine.biases
        results = [kernel.product(z, matrix, b).relu_() for z, matrix, b in zip(read, matrices, biases, strict=True)]
        ctx.kernel, ctx.affine = kernel, affine
        ctx.save_for_backward(*read, *results)
        ctx.mark_non_differentiable(affine.mu, affine.variance)
        return affine.mu, affine.variance, *results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor, __: Tensor, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kernel, affine, saved = ctx.kernel, ctx.affine, ctx.saved_tensors
        read, results = saved[: len(gradients)], saved[len(gradients) :]
        passed = [torch.where(h > 0, _laid_out_like(g, h), 0.0) for g, h in zip(gradients, results, strict=True)]
        d_matrices = torch.stack([kernel.cross(g, z) for g, z in zip(passed, read, strict=True)])
        d_biases = torch.stack([_sum(g) for g in passed])
        found = affine.backward(d_matrices, d_biases)
        matrices = affine.matrices
        d_read = [found.of_z(kernel, t, z, matrices[t], g) for t, (z, g) in enumerate(zip(read, passed, strict=True))]
        return None, None, None, found.weights, *d_read


class _MixedSum(torch.autograd.Function):
    """sum of g_t BN(W_t z_t) over the first `products` of the tensors, and of g_t x_t over the others.

    weights: (products, C, C), gates: (T,), tensors: T times (B, C, ...). Returns the sum, and mean and variance of each W z.
    """

    @staticmethod
    def forward(
        ctx: Any, kernel: Kernel, eps: float, products: int, running: Running, weights: Tensor, gates: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        read, others = tensors[:products], tensors[products:]
        affine = _affine(kernel, read, weights, gates[:products], running, eps)
        matrices = affine.matrices
        total = kernel.product(read[0], matrices[0], affine.biases.sum(dim=0))
        for z, matrix in zip(read[1:], matrices[1:], strict=True):
            total = kernel.add_product(total, z, matrix)
        for x, gate in zip(others, gates[products:], strict=True):
            total = total.addcmul_(x, gate)
        ctx.kernel, ctx.affine = kernel, affine
        ctx.save_for_backward(gates, *tensors)
        ctx.mark_non_differentiable(affine.mu, affine.variance)
        return total, affine.mu, affine.variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor, __: Tensor) -> tuple[Tensor | None, ...]:
        kernel, affine = ctx.kernel, ctx.affine
        gates, *tensors = ctx.saved_tensors
        products = len(affine.gates)
        read, others = tensors[:products], tensors[products:]
        gradient = _laid_out_like(gradient, tensors[0])
        d_gates = [_dot(gradient, x) for x in others]
        d_others = [gradient * gate for gate in gates[products:]]
        d_matrices = torch.stack([kernel.cross(gradient, z) for z in read])
        found = affine.backward(d_matrices, _sum(gradient).expand(products, -1))
        matrices = affine.matrices
        d_read = [found.of_z(kernel, t, z, matrices[t], gradient) for t, z in enumerate(read)]
        all_gates = torch.cat([found.gates, torch.stack(d_gates)]) if d_gates else found.gates
        return None, None, None, None, found.weights, all_gates, *d_read, *d_others


def _sum(x: Tensor) -> Tensor:
    """Over all positions: (B, C, ...) -> (C,)."""
    return x.sum(dim=(0, *range(2, x.dim())))


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return torch.dot(torch.movedim(x, 1, -1).reshape(-1), torch.movedim(y, 1, -1).reshape(-1))


def _laid_out_like(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient in the memory layout of x, to which it belongs: autograd may give it in another."""
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return gradient.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
