"""The compiled operations under the interface of `Kernel`, and max and average pooling with their normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archwright.ops.kernels import Filters, PlainKernel, channels_last
from archwright.ops.running_statistics import update_statistics

CHANNELS = (4, 8, 16, 32, 64, 128)
"""Widths that are compiled; see `with_channels` in vectors.h."""
PRECISIONS = (torch.float32, torch.float64)
PLAIN = PlainKernel()


class NativeKernel:
    """For images on the CPU, with as many channels as are compiled, in single or double precision; all else is left to PyTorch."""

    def depthwise(self, xs: Sequence[Tensor], filters: Filters) -> list[list[Tensor]]:
        if not _fit(xs):
            return PLAIN.depthwise(xs, filters)
        return _grouped(torch.ops.archwright.depthwise(xs, *_described(filters)), filters)

    def depthwise_input(
        self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor], *, rectified: bool = False
    ) -> list[Tensor]:
        if not _fit(xs):
            return PLAIN.depthwise_input(gradients, filters, xs, rectified=rectified)
        found: list[Tensor] = torch.ops.archwright.depthwise_input(_flat(gradients), xs, *_described(filters), rectified)
        return found

    def depthwise_weight(self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor]) -> list[list[Tensor]]:
        if not _fit(xs):
            return PLAIN.depthwise_weight(gradients, filters, xs)
        return _grouped(torch.ops.archwright.depthwise_weight(_flat(gradients), xs, *_described(filters)), filters)

    def product_sum(
        self, matrices: Tensor, tensors: Sequence[Tensor], bias: Tensor, others: Sequence[Tensor], gates: Tensor
    ) -> Tensor:
        if not _fit(tensors):
            return PLAIN.product_sum(matrices, tensors, bias, others, gates)
        total: Tensor = torch.ops.archwright.product_sum(matrices, tensors, bias.contiguous(), others, gates.contiguous())
        return total

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Tensor]], biases: Tensor | None, *, rectify: bool = False
    ) -> list[Tensor]:
        if not _fit(factors[0]):
            return PLAIN.products(matrices, factors, biases, rectify=rectify)
        each = _flat(list(zip(*factors, strict=True)))
        results: list[Tensor] = torch.ops.archwright.products(
            matrices, each, None if biases is None else biases.contiguous(), rectify
        )
        return results

    def cross(self, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> Tensor:
        if not _fit(xs):
            return PLAIN.cross(xs, ys)
        found: Tensor = torch.ops.archwright.cross(xs, ys)
        return found

    def moments(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        if not _fit(tensors):
            return PLAIN.moments(tensors)
        mean, covariance = torch.ops.archwright.moments(tensors)
        return mean, covariance

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        if not (isinstance(pool, nn.Sequential) and pool.training and _fit([x])):
            return PLAIN.pooled(x, pool)
        window, norm = pool
        if not isinstance(window, nn.MaxPool2d | nn.AvgPool2d) or not isinstance(norm, nn.BatchNorm2d):
            raise TypeError(f"{pool} is no pooling and its normalisation")
        result: Tensor
        result, mean, variance = _NormalisedPool.apply(  # type: ignore[no-untyped-call]
            x, isinstance(window, nn.MaxPool2d), window.kernel_size, window.stride, norm.eps
        )
        update_statistics([norm], mean[None], variance[None], result.numel() // result.shape[1])
        return result


def _fit(tensors: Sequence[Tensor]) -> bool:
    """Whether there are any, of a kind that the compiled kernel takes; they are all of one kind."""
    return any(x.dim() == 4 and x.shape[1] in CHANNELS and x.dtype in PRECISIONS and x.device.type == "cpu" for x in tensors[:1])


def _flat(groups: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [tensor for group in groups for tensor in group]


def _grouped(tensors: Sequence[Tensor], filters: Filters) -> list[list[Tensor]]:
    """One for each filter."""
    behind = iter(tensors)
    return [[next(behind) for _ in own] for own in filters]


def _described(filters: Filters) -> tuple[list[int], list[Tensor], list[int], list[int]]:
    """How many filters each x has; of all filters the weights, strides and dilations."""
    every = [f for own in filters for f in own]
    return [len(own) for own in filters], [f.weight for f in every], [f.stride for f in every], [f.dilation for f in every]


class _NormalisedPool(torch.autograd.Function):
    """Max or average pooling that pads by half the window, and y = (pooled - mean) / sqrt(variance + eps) per channel.

    x: (B, C, H, W). Returns y, (B, C, ceil(H / stride), ceil(W / stride)), and mean and variance, (C,).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, largest: bool, size: int, stride: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        x = channels_last(x)
        if largest:
            y, kept = torch.ops.archwright.max_pool(x, size, stride)
        else:
            box = [1], [x.new_ones(x.shape[1], 1, size, size)], [stride], [1]
            (counts,) = torch.ops.archwright.depthwise([channels_last(torch.ones_like(x[:1]))], *box)
            (sums,) = torch.ops.archwright.depthwise([x], *box)
            kept = counts.reciprocal_()
            y = sums.mul_(kept)
        mean, variance = torch.ops.archwright.standardise(y, eps)
        ctx.largest, ctx.size, ctx.stride = largest, size, stride
        ctx.save_for_backward(x, y, kept, (variance + eps).rsqrt())
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor, __: Tensor) -> tuple[Tensor | None, ...]:
        x, y, kept, r = ctx.saved_tensors
        found = torch.ops.archwright.standardise_input(channels_last(gradient), y, r)
        if ctx.largest:
            found = torch.ops.archwright.max_pool_input(found, kept, x, ctx.size, ctx.stride)
        else:
            box = [1], [x.new_ones(x.shape[1], 1, ctx.size, ctx.size)], [ctx.stride], [1]
            (found,) = torch.ops.archwright.depthwise_input([found.mul_(kept)], [x], *box, False)
        return found, None, None, None, None
