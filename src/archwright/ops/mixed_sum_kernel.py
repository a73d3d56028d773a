"""The primitives of the fused mixed operation: in plain PyTorch here, compiled in `native/`. Tensors are (B, C, ...)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from archwright.ops.depthwise import CONVOLVE, Filter, filtered, input_gradient, weight_gradient
from archwright.ops.memory_layout import channels_last


@dataclass(frozen=True)
class Maps:
    """`number` feature maps of one size; the kernel decides how they are stored in `tensors`."""

    tensors: tuple[Tensor, ...]
    number: int

    @property
    def positions(self) -> int:
        """The number of positions of one map, over the whole batch."""
        return self.tensors[0].numel() // self.tensors[0].shape[1]


@dataclass(frozen=True)
class Filters:
    """One depthwise convolution per map, all with the same size, stride and dilation. weights: (C, 1, k, ...) each."""

    weights: tuple[Tensor, ...]
    stride: int
    dilation: int


class Kernel(Protocol):
    """Depthwise convolutions, products along the channels, poolings. Only `pooled` is differentiable by autograd.

    Images are in channels-last layout (`channels_last`). T is the number of maps in a sequence of `Maps`.
    """

    def gathered(self, tensors: Sequence[Tensor]) -> Maps:
        """Tensors (B, C, ...) of equal size as maps."""

    def separated(self, maps: Maps) -> list[Tensor]:
        """The inverse of `gathered`."""

    def depthwise(self, xs: Sequence[Maps], filters: Sequence[Sequence[Filters]]) -> list[list[Maps]]:
        """For each x the output of each of its filters; all filters of one x have the same stride."""

    def depthwise_input(
        self,
        gradients: Sequence[Sequence[Maps]],
        filters: Sequence[Sequence[Filters]],
        xs: Sequence[Maps],
        *,
        rectified: bool = False,
    ) -> list[Maps]:
        """The gradient with respect to each x, summed over its filters; zero where x <= 0 if x was `rectified`."""

    def depthwise_weight(
        self, gradients: Sequence[Sequence[Maps]], filters: Sequence[Sequence[Filters]], xs: Sequence[Maps]
    ) -> list[list[list[Tensor]]]:
        """The gradient with respect to each weight of each filter of each x."""

    def product_sum(self, matrices: Tensor, maps: Sequence[Maps], bias: Tensor, others: Sequence[Tensor], gates: Tensor) -> Tensor:
        """At each position sum_t matrix_t z_t + sum_o gate_o x_o + bias: (B, C, ...).

        matrices: (T, C, C). maps: of z_t, at least one. others: x_o, (B, C, ...) each. gates: one per x_o. bias: (C,).
        """

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Maps] | Tensor], biases: Tensor, *, rectify: bool = False
    ) -> list[Maps]:
        """For each t, at each position, sum_i matrix_ti x_ti + bias_t, followed by a ReLU if `rectify`.

        matrices: (T, I, C, C). factors: I entries, each T maps or one (B, C, ...) for all t; the last one is maps. biases: (T, C).
        """

    def cross(self, xs: Sequence[Maps] | Tensor, ys: Sequence[Maps]) -> Tensor:
        """The sum of x y^T over all positions, for each pair of maps, or for one x (B, C, ...) and each y: (T, C, C)."""

    def sums(self, maps: Sequence[Maps]) -> Tensor:
        """The sum of each map over all positions: (T, C)."""

    def scaled(self, x: Tensor, gates: Tensor) -> list[Tensor]:
        """x times each of the gates, (O,)."""

    def dots(self, x: Tensor, others: Sequence[Tensor]) -> Tensor:
        """The inner products of x with each of the others, which have the same shape: (O,)."""

    def moments(self, maps: Sequence[Maps]) -> tuple[Tensor, Tensor]:
        """Mean (T, C) and covariance (T, C, C) of each map's channels over all positions."""

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        """The output of the module: a pooling, or a pooling and its normalisation."""


class PlainKernel:
    """In PyTorch. Maps are concatenated in one tensor (B, number * C, ...): a few large calls instead of many small ones."""

    def gathered(self, tensors: Sequence[Tensor]) -> Maps:
        first, *rest = tensors
        return Maps((channels_last(torch.cat([first, *rest], dim=1)) if rest else first,), len(tensors))

    def separated(self, maps: Maps) -> list[Tensor]:
        return list(maps.tensors[0].chunk(maps.number, dim=1))

    def depthwise(self, xs: Sequence[Maps], filters: Sequence[Sequence[Filters]]) -> list[list[Maps]]:
        return [
            [Maps((filtered(x.tensors[0], _as_one_filter(f)),), x.number) for f in own] for x, own in zip(xs, filters, strict=True)
        ]

    def depthwise_input(
        self,
        gradients: Sequence[Sequence[Maps]],
        filters: Sequence[Sequence[Filters]],
        xs: Sequence[Maps],
        *,
        rectified: bool = False,
    ) -> list[Maps]:
        totals = []
        for outputs, own, x in zip(gradients, filters, xs, strict=True):
            (wide,) = x.tensors
            total, *rest = [input_gradient(g.tensors[0], _as_one_filter(f), wide) for g, f in zip(outputs, own, strict=True)]
            for gradient in rest:
                total.add_(gradient)
            totals.append(Maps((torch.ops.aten.threshold_backward(total, wide, 0.0) if rectified else total,), x.number))
        return totals

    def depthwise_weight(
        self, gradients: Sequence[Sequence[Maps]], filters: Sequence[Sequence[Filters]], xs: Sequence[Maps]
    ) -> list[list[list[Tensor]]]:
        return [
            [
                list(weight_gradient(g.tensors[0], _as_one_filter(f), x.tensors[0]).chunk(x.number))
                for g, f in zip(outputs, own, strict=True)
            ]
            for outputs, own, x in zip(gradients, filters, xs, strict=True)
        ]

    def product_sum(self, matrices: Tensor, maps: Sequence[Maps], bias: Tensor, others: Sequence[Tensor], gates: Tensor) -> Tensor:
        total: Tensor | None = None
        for own, (z, _) in _each(matrices, maps):
            product = _convolved(z, own.transpose(0, 1).flatten(1), bias if total is None else None)
            total = product if total is None else total.add_(product)
        if total is None:
            raise TypeError("product_sum needs at least one map")
        for x, gate in zip(others, gates, strict=True):
            total.addcmul_(x, gate)
        return total

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Maps] | Tensor], biases: Tensor, *, rectify: bool = False
    ) -> list[Maps]:
        *others, last = factors
        if isinstance(last, Tensor):
            raise TypeError("the last factor is a single tensor: pass it as maps")
        found = []
        for i, (own, (z, number)) in enumerate(_each(matrices, last)):
            bias = _part(biases, last, i).flatten()
            total = _convolved(z, own[:, -1].flatten(0, 1), bias, groups=number)
            for column, factor in enumerate(others):
                x, groups = (factor, 1) if isinstance(factor, Tensor) else (factor[i].tensors[0], number)
                total.add_(_convolved(x, own[:, column].flatten(0, 1), groups=groups))
            found.append(Maps((total.relu_() if rectify else total,), number))
        return found

    def cross(self, xs: Sequence[Maps] | Tensor, ys: Sequence[Maps]) -> Tensor:
        if isinstance(xs, Tensor):
            return torch.cat([(_rows(y.tensors[0]).T @ _rows(xs)).reshape(y.number, -1, xs.shape[1]) for y in ys]).mT
        return torch.cat([_blocks(_rows(x.tensors[0]), _rows(y.tensors[0]), y.number) for x, y in zip(xs, ys, strict=True)])

    def sums(self, maps: Sequence[Maps]) -> Tensor:
        return torch.cat([_rows(x.tensors[0]).sum(dim=0).reshape(x.number, -1) for x in maps])

    def scaled(self, x: Tensor, gates: Tensor) -> list[Tensor]:
        return [x * gate for gate in gates]

    def dots(self, x: Tensor, others: Sequence[Tensor]) -> Tensor:
        rows = _rows(x).reshape(-1)
        return torch.stack([torch.dot(rows, _rows(other).reshape(-1)) for other in others]) if others else x.new_zeros(0)

    def moments(self, maps: Sequence[Maps]) -> tuple[Tensor, Tensor]:
        means, covariances = zip(*[_moments(_rows(x.tensors[0]), x.number) for x in maps], strict=True)
        return torch.cat(means), torch.cat(covariances)

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        result: Tensor = pool(x)
        return result


def _as_one_filter(f: Filters) -> Filter:
    return Filter(torch.cat(f.weights) if len(f.weights) > 1 else f.weights[0], f.stride, f.dilation)


def _each(values: Tensor, maps: Sequence[Maps]) -> Iterator[tuple[Tensor, tuple[Tensor, int]]]:
    """For each `Maps` its part of values (T, ...), its tensor, and the number of maps in it."""
    for i, own in enumerate(maps):
        yield _part(values, maps, i), (own.tensors[0], own.number)


def _part(values: Tensor, maps: Sequence[Maps], i: int) -> Tensor:
    first = sum(own.number for own in maps[:i])
    return values[first : first + maps[i].number]


def _convolved(x: Tensor, matrix: Tensor, bias: Tensor | None = None, groups: int = 1) -> Tensor:
    """matrix x + bias at each position, as a 1x1 convolution."""
    return CONVOLVE[x.dim() - 2](x, matrix.reshape(*matrix.shape, *[1] * (x.dim() - 2)), bias, groups=groups)


def _rows(x: Tensor) -> Tensor:
    """(B, C, ...) -> (positions, C); without a copy for channels-last tensors."""
    return torch.movedim(x, 1, -1).reshape(-1, x.shape[1])


def _moments(rows: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Means and covariances of `number` maps in (positions, number * C). Centred first, to avoid cancellation."""
    mean = rows.mean(dim=0)
    centred = rows - mean
    return mean.reshape(number, -1), _blocks(centred, centred, number) / len(rows)


FAST_COLUMNS = 16
"""Columns that a matrix product needs to be fast: narrower maps, down to half as many, are multiplied in pairs, half unused."""

PAIRED_FROM = 4096
"""Number of positions from which multiplying in pairs is faster."""


def _blocks(x: Tensor, y: Tensor, number: int) -> Tensor:
    """x^T y of each of `number` maps, concatenated as (positions, number * C): (number, C, C)."""
    channels = x.shape[1] // number
    if FAST_COLUMNS // 2 <= channels < FAST_COLUMNS and number > 1 and len(x) >= PAIRED_FROM:
        pairs = number // 2 * 2
        blocks = _block_products(x[:, : pairs * channels], y[:, : pairs * channels], pairs // 2)
        diagonal = [blocks[:, :channels, :channels], blocks[:, channels:, channels:]]
        products = torch.stack(diagonal, dim=1).flatten(0, 1)
        if pairs == number:
            return products
        return torch.cat([products, _block_products(x[:, pairs * channels :], y[:, pairs * channels :], 1)])
    return _block_products(x, y, number)


def _block_products(x: Tensor, y: Tensor, number: int) -> Tensor:
    left, right = (rows.reshape(len(rows), number, -1) for rows in (x, y))
    return torch.bmm(left.permute(1, 2, 0), right.transpose(0, 1))
