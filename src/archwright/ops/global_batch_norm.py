"""Batch normalisation with the statistics of a batch divided among processes (as in Peng et al. 2018, arXiv:1711.07240).

PyTorch's SyncBatchNorm does the same, but only on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.errors import InputError
from archwright.process_group import SINGLE_PROCESS, ProcessGroup


class _Global(_BatchNorm):
    """A batch normalisation during a distributed training: in training mode it uses the statistics of the whole `process_group`."""

    process_group: ProcessGroup

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.process_group.size == 1:
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else momentum
        running = None if self.running_mean is None or self.running_var is None else (self.running_mean, self.running_var)
        return global_batch_norm(input, running, self.weight, self.bias, momentum, self.eps, self.process_group)


class GlobalBatchNorm1d(_Global, nn.BatchNorm1d):
    """Replaces nn.BatchNorm1d."""


class GlobalBatchNorm2d(_Global, nn.BatchNorm2d):
    """Replaces nn.BatchNorm2d."""


class GlobalBatchNorm3d(_Global, nn.BatchNorm3d):
    """Replaces nn.BatchNorm3d."""


GLOBAL: dict[type[_BatchNorm], type[_Global]] = {
    nn.BatchNorm1d: GlobalBatchNorm1d,
    nn.BatchNorm2d: GlobalBatchNorm2d,
    nn.BatchNorm3d: GlobalBatchNorm3d,
}
PLAIN: dict[type[_BatchNorm], type[_BatchNorm]] = {theirs: own for own, theirs in GLOBAL.items()}


@contextmanager
def global_statistics(network: nn.Module, process_group: ProcessGroup) -> Iterator[None]:
    """Within the context, the batch normalisations of `network` train with the statistics of the rows of all processes.

    They remain the same objects, with the same names and weights. Raises InputError for subclasses of PyTorch's batch
    normalisations.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)] if process_group.size > 1 else []
    for norm in norms:
        if type(norm) not in GLOBAL:
            raise InputError(
                f"{type(norm).__name__} is not one of PyTorch's own batch normalisations, so several processes cannot share its "
                "statistics: train on one device"
            )
    for norm in norms:
        norm.__class__ = GLOBAL[type(norm)]
        cast(_Global, norm).process_group = process_group
    try:
        yield
    finally:
        for norm in norms:
            del cast(_Global, norm).process_group
            norm.__class__ = PLAIN[type(norm)]


@contextmanager
def own_statistics(network: nn.Module) -> Iterator[None]:
    """Within the context, each process uses its own batch statistics, for batches that are the same on all processes."""
    norms = [(module, module.process_group) for module in network.modules() if isinstance(module, _Global)]
    for norm, _ in norms:
        norm.process_group = SINGLE_PROCESS
    try:
        yield
    finally:
        for norm, process_group in norms:
            norm.process_group = process_group


def process_group_of(norm: nn.Module) -> ProcessGroup:
    """The processes whose statistics a normalisation uses in training mode."""
    return norm.process_group if isinstance(norm, _Global) else SINGLE_PROCESS


def global_batch_norm(
    x: Tensor,
    running: tuple[Tensor, Tensor] | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    process_group: ProcessGroup,
) -> Tensor:
    """PyTorch's `batch_norm` in training mode, over the rows of all processes. x: (B, C, ...), running: (C,) each."""
    result, mean, variance, count = _Normalise.apply(x, weight, bias, eps, process_group)  # type: ignore[no-untyped-call]
    if running is not None:
        with torch.no_grad():
            running[0].lerp_(mean.to(running[0]), momentum)
            running[1].lerp_((variance * (count / (count - 1))).to(running[1]), momentum)
    normalised: Tensor = result
    return normalised


def all_moments(mean: Tensor, second: Tensor, count: int, process_group: ProcessGroup) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, second central moments and count () over the positions of all processes, in one collective operation.

    mean: (..., C). second: variances (..., C) or covariances (..., C, C). No gradient.
    """
    table = process_group.stacked_rows(torch.cat([mean.new_tensor([count]), mean.reshape(-1), second.reshape(-1)]))
    counts, means, seconds = torch.split(table, [1, mean.numel(), second.numel()], dim=1)
    shares = counts / counts.sum()  # (processes, 1)
    total = (shares * means).sum(dim=0)
    deviations = (means - total).view(process_group.size, *mean.shape)
    squares = deviations.square() if second.shape == mean.shape else deviations[..., :, None] * deviations[..., None, :]
    spread = (shares * (seconds + squares.reshape(process_group.size, -1))).sum(dim=0)
    return total.view_as(mean), spread.view_as(second), counts.sum()


class _Normalise(torch.autograd.Function):
    """Returns the normalised x, and the mean, variance and count over all positions."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, process_group: ProcessGroup
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        variance, mean = torch.var_mean(_full_precision(x), _positions(x), correction=0)
        mean, variance, count = all_moments(mean, variance, x.numel() // x.shape[1], process_group)
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps, ctx.process_group, ctx.shifted = eps, process_group, bias is not None
        ctx.mark_non_differentiable(mean, variance, count)
        return functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """dx = w r (G - (sum G + x^ sum(G x^)) / N) with x^ the normalised x, the sums over all N positions, r = 1 / deviation."""
        x, weight, mean, variance, count = ctx.saved_tensors
        shape = (1, -1, *[1] * (x.dim() - 2))
        r = (variance + ctx.eps).rsqrt()
        normalised, wide = (_full_precision(x) - mean.view(shape)) * r.view(shape), _full_precision(gradient)
        own = torch.stack([wide.sum(_positions(x)), (wide * normalised).sum(_positions(x))])
        sums = (ctx.process_group.all_reduce(own) / count).view(2, *shape)
        scale = r if weight is None else r * weight
        d_x = (wide - sums[0] - normalised * sums[1]) * scale.view(shape)
        return d_x.to(x.dtype), None if weight is None else own[1], own[0] if ctx.shifted else None, None, None


def _full_precision(x: Tensor) -> Tensor:
    """At least float32, as sums require."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _positions(x: Tensor) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != 1]
