"""The compiled operations as a `Kernel`, and max and average pooling with their normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archwright.ops.global_batch_norm import process_group_of
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_sum_kernel import Filters, Maps, PlainKernel
from archwright.ops.running_statistics import move_statistics

CHANNELS = (4, 8, 16, 32, 64, 128)
"""Compiled numbers of channels; see `with_channels` in vectors.h."""
PRECISIONS = (torch.float32, torch.float64)
PLAIN = PlainKernel()


class NativeKernel:
    """For images on the CPU with a compiled number of channels, in single or double precision; everything else uses PyTorch.

    Each map is a separate tensor.
    """

    def gathered(self, tensors: Sequence[Tensor]) -> Maps:
        return Maps(tuple(tensors), len(tensors)) if _is_supported(tensors) else PLAIN.gathered(tensors)

    def separated(self, maps: Maps) -> list[Tensor]:
        return list(maps.tensors) if len(maps.tensors) == maps.number else PLAIN.separated(maps)

    def depthwise(self, xs: Sequence[Maps], filters: Sequence[Sequence[Filters]]) -> list[list[Maps]]:
        if not _are_separate(xs):
            return PLAIN.depthwise(xs, filters)
        found = iter(torch.ops.archwright.depthwise(_tensors(xs), *_described(filters)))
        return [[Maps(own, x.number) for own in _by_filter(found, x, len(each))] for x, each in zip(xs, filters, strict=True)]

    def depthwise_input(
        self,
        gradients: Sequence[Sequence[Maps]],
        filters: Sequence[Sequence[Filters]],
        xs: Sequence[Maps],
        *,
        rectified: bool = False,
    ) -> list[Maps]:
        if not _are_separate(xs):
            return PLAIN.depthwise_input(gradients, filters, xs, rectified=rectified)
        found = iter(torch.ops.archwright.depthwise_input(_by_map(gradients), _tensors(xs), *_described(filters), rectified))
        return [Maps(tuple(islice(found, x.number)), x.number) for x in xs]

    def depthwise_weight(
        self, gradients: Sequence[Sequence[Maps]], filters: Sequence[Sequence[Filters]], xs: Sequence[Maps]
    ) -> list[list[list[Tensor]]]:
        if not _are_separate(xs):
            return PLAIN.depthwise_weight(gradients, filters, xs)
        found = iter(torch.ops.archwright.depthwise_weight(_by_map(gradients), _tensors(xs), *_described(filters)))
        return [[list(own) for own in _by_filter(found, x, len(each))] for x, each in zip(xs, filters, strict=True)]

    def product_sum(self, matrices: Tensor, maps: Sequence[Maps], bias: Tensor, others: Sequence[Tensor], gates: Tensor) -> Tensor:
        if not _are_separate(maps):
            return PLAIN.product_sum(matrices, maps, bias, others, gates)
        total: Tensor = torch.ops.archwright.product_sum(matrices, _tensors(maps), bias.contiguous(), others, gates.contiguous())
        return total

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Maps] | Tensor], biases: Tensor, *, rectify: bool = False
    ) -> list[Maps]:
        last = factors[-1]
        if isinstance(last, Tensor) or not _are_separate(last):
            return PLAIN.products(matrices, factors, biases, rectify=rectify)
        terms = len(matrices)
        columns = [[factor] * terms if isinstance(factor, Tensor) else _tensors(factor) for factor in factors]
        each = [tensor for own in zip(*columns, strict=True) for tensor in own]
        results = iter(torch.ops.archwright.products(matrices, each, biases.contiguous(), rectify))
        return [Maps(tuple(islice(results, maps.number)), maps.number) for maps in last]

    def cross(self, xs: Sequence[Maps] | Tensor, ys: Sequence[Maps]) -> Tensor:
        if not _are_separate(ys):
            return PLAIN.cross(xs, ys)
        right = _tensors(ys)
        found: Tensor = torch.ops.archwright.cross([xs] * len(right) if isinstance(xs, Tensor) else _tensors(xs), right)
        return found

    def sums(self, maps: Sequence[Maps]) -> Tensor:
        if not _are_separate(maps):
            return PLAIN.sums(maps)
        found: Tensor = torch.ops.archwright.sums(_tensors(maps))
        return found

    def scaled(self, x: Tensor, gates: Tensor) -> list[Tensor]:
        if not _is_supported([x]) or not len(gates):
            return PLAIN.scaled(x, gates)
        results: list[Tensor] = torch.ops.archwright.scaled(x, gates.contiguous())
        return results

    def dots(self, x: Tensor, others: Sequence[Tensor]) -> Tensor:
        if not _is_supported([x]) or not others:
            return PLAIN.dots(x, others)
        found: Tensor = torch.ops.archwright.dots(x, others)
        return found

    def moments(self, maps: Sequence[Maps]) -> tuple[Tensor, Tensor]:
        if not _are_separate(maps):
            return PLAIN.moments(maps)
        mean, covariance = torch.ops.archwright.moments(_tensors(maps))
        return mean, covariance

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        if not (isinstance(pool, nn.Sequential) and pool.training and _is_supported([x])) or process_group_of(pool[1]).size > 1:
            return PLAIN.pooled(x, pool)
        window, norm = pool
        if not isinstance(window, nn.MaxPool2d | nn.AvgPool2d) or not isinstance(norm, nn.BatchNorm2d):
            raise TypeError(f"{pool} is not a pooling followed by a batch normalisation")
        result: Tensor
        result, mean, variance = _NormalisedPool.apply(  # type: ignore[no-untyped-call]
            x, isinstance(window, nn.MaxPool2d), window.kernel_size, window.stride, norm.eps
        )
        move_statistics(norm, mean, variance, result.numel() // result.shape[1])
        return result


def _is_supported(tensors: Sequence[Tensor]) -> bool:
    """Whether there are tensors of a kind that the compiled kernel supports; all are of the same kind."""
    return any(x.dim() == 4 and x.shape[1] in CHANNELS and x.dtype in PRECISIONS and x.device.type == "cpu" for x in tensors[:1])


def _are_separate(maps: Sequence[Maps]) -> bool:
    """Whether `gathered` kept them as separate tensors for the compiled kernel."""
    return any(_is_supported(own.tensors) and len(own.tensors) == own.number for own in maps[:1])


def _tensors(maps: Sequence[Maps]) -> list[Tensor]:
    return [tensor for own in maps for tensor in own.tensors]


def _by_map(groups: Sequence[Sequence[Maps]]) -> list[Tensor]:
    """The tensors of each map of each group, one per filter."""
    return [tensor for group in groups for own in zip(*(maps.tensors for maps in group), strict=True) for tensor in own]


def _by_filter(found: Iterator[Any], x: Maps, filters: int) -> list[tuple[Any, ...]]:
    """The inverse for one group: for each filter the results for each map."""
    return list(zip(*(tuple(islice(found, filters)) for _ in range(x.number)), strict=True))


def _described(filters: Sequence[Sequence[Filters]]) -> tuple[list[int], list[Tensor], list[int], list[int]]:
    """The number of filters per map, and the weights, strides and dilations of all filters."""
    every = [
        (weight, f)
        for own in filters
        for each in zip(*(f.weights for f in own), strict=True)
        for weight, f in zip(each, own, strict=True)
    ]
    counts = [len(own) for own in filters for _ in own[0].weights]
    return counts, [weight for weight, _ in every], [f.stride for _, f in every], [f.dilation for _, f in every]


class _NormalisedPool(torch.autograd.Function):
    """Max or average pooling, padded by half the window, then y = (pooled - mean) / sqrt(variance + eps) per channel.

    x: (B, C, H, W). Returns y, (B, C, ceil(H / stride), ceil(W / stride)), and mean and variance, (C,).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, largest: bool, size: int, stride: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        x = channels_last(x)
        if largest:
            y, kept = torch.ops.archwright.max_pool(x, size, stride)
        else:
            (sums,) = torch.ops.archwright.depthwise([x], *_box(x.shape[1], size, stride, x.dtype))
            kept = _shares(x.shape[1:], size, stride, x.dtype)
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
            box = _box(x.shape[1], ctx.size, ctx.stride, x.dtype)
            (found,) = torch.ops.archwright.depthwise_input([found.mul_(kept)], [x], *box, False)
        return found, None, None, None, None


@lru_cache(64)
def _box(channels: int, size: int, stride: int, dtype: torch.dtype) -> tuple[list[int], list[Tensor], list[int], list[int]]:
    """The filter that sums a window, as arguments of the compiled operations."""
    return [1], [torch.ones(channels, 1, size, size, dtype=dtype)], [stride], [1]


@lru_cache(64)
def _shares(shape: tuple[int, ...], size: int, stride: int, dtype: torch.dtype) -> Tensor:
    """1 / the number of pixels of an image (C, H, W) in each window: (1, C, ceil(H / stride), ceil(W / stride))."""
    box = _box(shape[0], size, stride, dtype)
    (counts,) = torch.ops.archwright.depthwise([channels_last(torch.ones(1, *shape, dtype=dtype))], *box)
    shares: Tensor = counts.reciprocal()
    return shares
