"""Convolutions on series and images alike: `dimensions` is 1 for (B, C, L) and 2 for (B, C, H, W).

All are padded so that stride 1 keeps the size, and stride s gives ceil(size / s). A kernel is one number for all axes, or one per
axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.errors import ShapeError
from archwright.ops.activation import activation as make_activation

Kernel = int | tuple[int, ...]

CONVOLUTIONS: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
BATCH_NORMS: dict[int, type[nn.BatchNorm1d] | type[nn.BatchNorm2d]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


def conv(
    dimensions: int,
    inputs: int,
    outputs: int,
    kernel: Kernel = 1,
    stride: Kernel = 1,
    *,
    groups: int = 1,
    dilation: int = 1,
    bias: bool = False,
) -> nn.Conv1d | nn.Conv2d:
    """A convolution from `inputs` to `outputs` channels, padded by half the (odd) kernel.

    Raises ShapeError for an unsupported number of dimensions or an even kernel.
    """
    check_dimensions(dimensions)
    sizes = per_axis(dimensions, kernel)
    if any(size % 2 == 0 for size in sizes):
        raise ShapeError(f"kernel {kernel} is even: use odd sizes")
    padding = tuple(dilation * (size - 1) // 2 for size in sizes)
    strides = per_axis(dimensions, stride)
    if is_unsafe(inputs, sizes, strides):
        return StridedPointwise2d(inputs, outputs, 1, strides, groups=groups, bias=bias)  # type: ignore[arg-type]
    return CONVOLUTIONS[dimensions](inputs, outputs, sizes, strides, padding, dilation, groups, bias)  # type: ignore[arg-type]


def is_unsafe(inputs: int, kernel: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether PyTorch 2.13's CPU build may corrupt memory in the backward pass of such a convolution.

    oneDNN's AVX2 kernel for the weight gradient of 1x1 convolutions writes past its buffer for channels-last images if the stride
    is 2 and the input channels fill less than one vector of eight floats; trainings crashed with SIGSEGV on CPUs without AVX-512.
    """
    return len(kernel) == 2 and set(kernel) == {1} and set(stride) != {1} and inputs < 8


class StridedPointwise2d(nn.Conv2d):
    """A strided 1x1 convolution, computed with stride 1 on the pixels that it reads, which gives the same products.

    x: (B, inputs, H, W). Returns (B, outputs, ceil(H / stride), ceil(W / stride)).
    """

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(read_by(x, self.stride), self.weight, self.bias, groups=self.groups)


def read_by(x: Tensor, stride: Sequence[int]) -> Tensor:
    """The pixels of images that a 1x1 convolution of this stride reads: (B, C, H, W) -> (B, C, ceil(H / s), ceil(W / s))."""
    return x[:, :, :: stride[0], :: stride[1]]


def check_dimensions(dimensions: int) -> None:
    """Raises ShapeError unless the inputs are series (1) or images (2)."""
    if dimensions not in CONVOLUTIONS:
        raise ShapeError(f"convolutions with {dimensions} dimensions are not supported: use series (C, L) or images (C, H, W)")


def per_axis(dimensions: int, kernel: Kernel) -> tuple[int, ...]:
    """One number per axis. Raises ShapeError for a tuple of the wrong length."""
    sizes = kernel if isinstance(kernel, tuple) else (kernel,) * dimensions
    if len(sizes) != dimensions:
        raise ShapeError(f"kernel {sizes} for {dimensions} dimensions: give one number per axis")
    return sizes


def batch_norm(dimensions: int, channels: int, *, affine: bool = True) -> nn.BatchNorm1d | nn.BatchNorm2d:
    """Batch normalisation per channel (Ioffe & Szegedy 2015, arXiv:1502.03167); unless `affine`, without scale and shift."""
    check_dimensions(dimensions)
    return BATCH_NORMS[dimensions](channels, affine=affine)


class ConvBatchNorm(nn.Sequential):
    """Convolution, batch normalisation, activation: (B, inputs, ...) -> (B, outputs, ceil(... / stride))."""

    def __init__(
        self,
        dimensions: int,
        inputs: int,
        outputs: int,
        kernel: Kernel = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        dilation: int = 1,
        activation: str = "relu",
    ) -> None:
        layers = [
            conv(dimensions, inputs, outputs, kernel, stride, groups=groups, dilation=dilation),
            batch_norm(dimensions, outputs),
        ]
        super().__init__(*layers, *([] if activation == "identity" else [make_activation(activation)]))


class DepthwiseSeparable(nn.Sequential):
    """One filter per channel, then 1x1 across channels, each normalised and activated (Howard et al. 2017, arXiv:1704.04861)."""

    def __init__(
        self, dimensions: int, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, activation: str = "relu"
    ) -> None:
        super().__init__(
            ConvBatchNorm(dimensions, inputs, inputs, kernel, stride, groups=inputs, activation=activation),
            ConvBatchNorm(dimensions, inputs, outputs, 1, activation=activation),
        )


class Bottleneck(nn.Sequential):
    """1x1 down to a quarter of the outputs, k x k, 1x1 up again (He et al. 2016, arXiv:1512.03385, Fig. 5).

    Has no final activation; the caller adds the shortcut and the activation after it.
    """

    def __init__(
        self,
        dimensions: int,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        activation: str = "relu",
        reduction: int = 4,
    ) -> None:
        narrow = max(1, outputs // reduction)
        super().__init__(
            ConvBatchNorm(dimensions, inputs, narrow, 1, activation=activation),
            ConvBatchNorm(dimensions, narrow, narrow, kernel, stride, activation=activation),
            ConvBatchNorm(dimensions, narrow, outputs, 1, activation="identity"),
        )


class MBConv(nn.Sequential):
    """Inverted bottleneck: 1x1 up `expansion` times, depthwise there, 1x1 linear (Sandler et al. 2018, arXiv:1801.04381).

    Ends without an activation; the shortcut around it is the caller's. `expansion` 1 has no first convolution, as in the paper.
    """

    def __init__(
        self,
        dimensions: int,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        activation: str = "relu",
        expansion: int = 6,
    ) -> None:
        wide = inputs * expansion
        up = [ConvBatchNorm(dimensions, inputs, wide, 1, activation=activation)] if expansion > 1 else []
        super().__init__(
            *up,
            ConvBatchNorm(dimensions, wide, wide, kernel, stride, groups=wide, activation=activation),
            ConvBatchNorm(dimensions, wide, outputs, 1, activation="identity"),
        )


class ReLUConvBatchNorm(nn.Sequential):
    """ReLU, convolution, batch normalisation: the order inside cells (Liu et al. 2019, arXiv:1806.09055, section 3.1)."""

    def __init__(
        self,
        dimensions: int,
        inputs: int,
        outputs: int,
        kernel: Kernel = 1,
        stride: Kernel = 1,
        *,
        dilation: int = 1,
        affine: bool = True,
    ) -> None:
        super().__init__(
            nn.ReLU(),
            conv(dimensions, inputs, outputs, kernel, stride, dilation=dilation),
            batch_norm(dimensions, outputs, affine=affine),
        )


class SeparableConv(nn.Sequential):
    """ReLU, depthwise-separable convolution, batch normalisation; twice, as in DARTS and NASNet (section 3.1 and A.4).

    Only the first one is strided. `times`: how often it is applied.
    """

    def __init__(
        self, dimensions: int, channels: int, kernel: int, stride: int = 1, *, affine: bool = True, times: int = 2
    ) -> None:
        super().__init__(
            *(
                layer
                for i in range(times)
                for layer in _separable(dimensions, channels, kernel, 1 if i else stride, dilation=1, affine=affine)
            )
        )


class DilatedSeparableConv(nn.Sequential):
    """ReLU, depthwise convolution with dilation 2, 1x1, batch normalisation; once (DARTS' `dil_conv`)."""

    def __init__(self, dimensions: int, channels: int, kernel: int, stride: int = 1, *, affine: bool = True) -> None:
        super().__init__(*_separable(dimensions, channels, kernel, stride, dilation=2, affine=affine))


def _separable(dimensions: int, channels: int, kernel: int, stride: int, *, dilation: int, affine: bool) -> list[nn.Module]:
    return [
        nn.ReLU(),
        conv(dimensions, channels, channels, kernel, stride, groups=channels, dilation=dilation),
        conv(dimensions, channels, channels),
        batch_norm(dimensions, channels, affine=affine),
    ]


class FactorizedReduction(nn.Module):
    """Halves the size by two 1x1 convolutions of stride 2, one shifted by one position (Zoph et al. 2018, arXiv:1707.07012).

    (B, inputs, ...) -> (B, outputs, ceil(... / 2)). An odd size is padded by one zero, so that both halves have the same size.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, *, affine: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.straight = conv(dimensions, inputs, outputs - outputs // 2, stride=2)
        self.shifted = conv(dimensions, inputs, outputs // 2, stride=2) if outputs > 1 else None
        self.norm = batch_norm(dimensions, outputs, affine=affine)
        self.shift = (-1, 1) * dimensions

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        halves = [self.straight(x)]
        if self.shifted is not None:
            halves.append(self.shifted(nn.functional.pad(x, self.shift)))
        normalised: Tensor = self.norm(torch.cat(halves, dim=1))
        return normalised
