"""What the fused mixed operation computes with, on whole tensors (B, C, ...): here in plain PyTorch, in `native/` compiled."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional, grad

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d}
INPUT_GRADIENT = {1: grad.conv1d_input, 2: grad.conv2d_input}
WEIGHT_GRADIENT = {1: grad.conv1d_weight, 2: grad.conv2d_weight}


class Kernel(Protocol):
    """Depthwise convolutions that pad by half the kernel, and products along the channels. Weights are (C, 1, k, ...)."""

    def depthwise(self, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        """One filter per channel: (B, C, ...) -> (B, C, ceil(... / stride))."""

    def depthwise_input(self, gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        """The gradient of `depthwise` with respect to x, for x's shape."""

    def depthwise_weight(self, gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        """The gradient of `depthwise` with respect to the weight, for the weight's shape."""

    def product(self, z: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        """matrix z + bias at each position: z (B, C, ...), matrix (D, C), bias (D,) -> (B, D, ...)."""

    def add_product(self, total: Tensor, z: Tensor, matrix: Tensor) -> Tensor:
        """`total` after matrix z is added to it."""

    def cross(self, x: Tensor, y: Tensor) -> Tensor:
        """Sum over all positions of x y^T: (B, C, ...), (B, D, ...) -> (C, D)."""

    def moments(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (C,) and covariance (C, C) of the channels over all positions."""


class PlainKernel:
    """In PyTorch. Fast for images in `channels_last`, the layout in which oneDNN needs no reordering."""

    def depthwise(self, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        return CONVOLVE[x.dim() - 2](x, weight, None, stride, _padding(weight, dilation), dilation, x.shape[1])

    def depthwise_input(self, gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        """At stride 1 a convolution with the flipped kernel: oneDNN's own backward costs up to 20 times that."""
        if stride == 1:
            return self.depthwise(gradient, weight.flip(*range(2, weight.dim())), 1, dilation)
        backward = INPUT_GRADIENT[x.dim() - 2]
        return backward(x.shape, weight, gradient, stride, _padding(weight, dilation), dilation, x.shape[1])

    def depthwise_weight(self, gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        backward = WEIGHT_GRADIENT[x.dim() - 2]
        return backward(x, weight.shape, gradient, stride, _padding(weight, dilation), dilation, x.shape[1])

    def product(self, z: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        return CONVOLVE[z.dim() - 2](z, _pointwise(matrix, z), bias)

    def add_product(self, total: Tensor, z: Tensor, matrix: Tensor) -> Tensor:
        return total.add_(self.product(z, matrix))

    def cross(self, x: Tensor, y: Tensor) -> Tensor:
        return _rows(x).T @ _rows(y)

    def moments(self, z: Tensor) -> tuple[Tensor, Tensor]:
        rows = _rows(z)
        mean = rows.mean(dim=0)
        centred = rows - mean
        return mean, centred.T @ centred / len(rows)


def _padding(weight: Tensor, dilation: int) -> tuple[int, ...]:
    return tuple(dilation * (size - 1) // 2 for size in weight.shape[2:])


def _pointwise(matrix: Tensor, z: Tensor) -> Tensor:
    """The matrix as the weight of a convolution, (D, C, 1, ...)."""
    return matrix.reshape(*matrix.shape, *[1] * (z.dim() - 2))


def _rows(x: Tensor) -> Tensor:
    """(B, C, ...) -> (positions, C); without a copy where the channels come last in memory."""
    return torch.movedim(x, 1, -1).reshape(-1, x.shape[1])
