"""What the fused mixed operation computes with: here in plain PyTorch, in `native/` compiled. Tensors are (B, C, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from archwright.ops.depthwise import CONVOLVE, Filter, filtered, input_gradient, weight_gradient

Filters = Sequence[Sequence[Filter]]
"""The filters of each of several tensors: one stride for all filters of one tensor."""


class Kernel(Protocol):
    """Depthwise convolutions, products along the channels, poolings. Only `pooled` is differentiable by itself.

    Tensors of images have their channels last in memory (`channels_last`).
    """

    def depthwise(self, xs: Sequence[Tensor], filters: Filters) -> list[list[Tensor]]:
        """For each x what each of its filters makes of it."""

    def depthwise_input(
        self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor], *, rectified: bool = False
    ) -> list[Tensor]:
        """The gradient with respect to each x, summed over its filters; zero where x <= 0 if it was `rectified`."""

    def depthwise_weight(self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor]) -> list[list[Tensor]]:
        """The gradient with respect to each filter's weight."""

    def product_sum(
        self, matrices: Tensor, tensors: Sequence[Tensor], bias: Tensor, others: Sequence[Tensor], gates: Tensor
    ) -> Tensor:
        """At each position sum_t matrix_t z_t + sum_o gate_o x_o + bias.

        matrices: (T, C, C). tensors: z_t, T times (B, C, ...), at least one. others: x_o, likewise. gates: one per x_o. bias: (C,).
        """

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Tensor]], biases: Tensor | None, *, rectify: bool = False
    ) -> list[Tensor]:
        """For each t, at each position, sum_i matrix_ti x_ti + bias_t, and ReLU of that if `rectify`.

        matrices: (T, I, C, C). factors: I times T tensors (B, C, ...). biases: (T, C).
        """

    def cross(self, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> Tensor:
        """For each pair of tensors the sum of x y^T over all positions: (T, C, C)."""

    def moments(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean (T, C) and covariance (T, C, C) of each tensor's channels over all positions."""

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        """What the module returns: a pooling, or a pooling and its normalisation."""


class PlainKernel:
    """In PyTorch. Fast for images in `channels_last`, the layout in which oneDNN needs no reordering."""

    def depthwise(self, xs: Sequence[Tensor], filters: Filters) -> list[list[Tensor]]:
        return [[filtered(x, f) for f in own] for x, own in zip(xs, filters, strict=True)]

    def depthwise_input(
        self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor], *, rectified: bool = False
    ) -> list[Tensor]:
        totals = []
        for outputs, own, x in zip(gradients, filters, xs, strict=True):
            total, *rest = [input_gradient(gradient, f, x) for gradient, f in zip(outputs, own, strict=True)]
            for gradient in rest:
                total.add_(gradient)
            totals.append(torch.ops.aten.threshold_backward(total, x, 0.0) if rectified else total)
        return totals

    def depthwise_weight(self, gradients: Sequence[Sequence[Tensor]], filters: Filters, xs: Sequence[Tensor]) -> list[list[Tensor]]:
        return [
            [weight_gradient(gradient, f, x) for gradient, f in zip(outputs, own, strict=True)]
            for outputs, own, x in zip(gradients, filters, xs, strict=True)
        ]

    def product_sum(
        self, matrices: Tensor, tensors: Sequence[Tensor], bias: Tensor, others: Sequence[Tensor], gates: Tensor
    ) -> Tensor:
        total = _product(matrices[0], tensors[0], bias)
        for matrix, z in zip(matrices[1:], tensors[1:], strict=True):
            total.add_(_product(matrix, z))
        for x, gate in zip(others, gates, strict=True):
            total.addcmul_(x, gate)
        return total

    def products(
        self, matrices: Tensor, factors: Sequence[Sequence[Tensor]], biases: Tensor | None, *, rectify: bool = False
    ) -> list[Tensor]:
        found = []
        for t, own in enumerate(zip(*factors, strict=True)):
            total = _product(matrices[t, 0], own[0], None if biases is None else biases[t])
            for matrix, x in zip(matrices[t, 1:], own[1:], strict=True):
                total.add_(_product(matrix, x))
            found.append(total.relu_() if rectify else total)
        return found

    def cross(self, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> Tensor:
        return torch.stack([_rows(x).T @ _rows(y) for x, y in zip(xs, ys, strict=True)])

    def moments(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        means, covariances = zip(*map(_moments, map(_rows, tensors)), strict=True)
        return torch.stack(means), torch.stack(covariances)

    def pooled(self, x: Tensor, pool: nn.Module) -> Tensor:
        result: Tensor = pool(x)
        return result


def channels_last(x: Tensor) -> Tensor:
    """Images with their channels last in memory, the layout in which depthwise convolutions are fast; series as they are."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x.contiguous()


def _product(matrix: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """matrix x + bias at each position, as a 1x1 convolution."""
    return CONVOLVE[x.dim() - 2](x, matrix.reshape(*matrix.shape, *[1] * (x.dim() - 2)), bias)


def _rows(x: Tensor) -> Tensor:
    """(B, C, ...) -> (positions, C); without a copy where the channels come last in memory."""
    return torch.movedim(x, 1, -1).reshape(-1, x.shape[1])


def _moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Of (positions, C). The mean is taken off first, so that the covariance does not drown in it."""
    mean = rows.mean(dim=0)
    centred = rows - mean
    return mean, centred.T @ centred / len(rows)
