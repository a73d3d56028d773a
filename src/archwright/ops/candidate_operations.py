"""The candidate operations of cells, by the names used in genotypes (NASNet, PNAS, ENAS, DARTS, NAS-Bench-201)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from archwright.errors import UnknownName
from archwright.ops.convolution import DilatedSeparableConv, FactorizedReduction, ReLUConvBatchNorm, SeparableConv, batch_norm
from archwright.ops.pooling import average_pool, max_pool

Build = Callable[[int, int, int, bool], nn.Module]
"""(dimensions, channels, stride, affine) -> a module (B, channels, ...) -> (B, channels, ceil(... / stride)).

`affine`: whether its batch normalisations have a scale and a shift.
"""


class Zero(nn.Module):
    """No connection: zeros of the shape that the other candidates return, (B, channels, ceil(... / stride))."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        sizes = [-(-size // self.stride) for size in x.shape[2:]]
        return x.new_zeros(x.shape[0], self.channels, *sizes)


def _skip(dimensions: int, channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduction(dimensions, channels, channels, affine=affine)


def _conv(kernel: int, dilation: int = 1) -> Build:
    return lambda dimensions, channels, stride, affine: ReLUConvBatchNorm(
        dimensions, channels, channels, kernel, stride, dilation=dilation, affine=affine
    )


def _separable(kernel: int) -> Build:
    return lambda dimensions, channels, stride, affine: SeparableConv(dimensions, channels, kernel, stride, affine=affine)


def _dilated_separable(kernel: int) -> Build:
    return lambda dimensions, channels, stride, affine: DilatedSeparableConv(dimensions, channels, kernel, stride, affine=affine)


def _row_then_column(kernel: int) -> Build:
    """1 x k, then k x 1; for a series, which has one axis, a single convolution of size k."""

    def build(dimensions: int, channels: int, stride: int, affine: bool) -> nn.Module:
        if dimensions == 1:
            return ReLUConvBatchNorm(1, channels, channels, kernel, stride, affine=affine)
        return nn.Sequential(
            ReLUConvBatchNorm(dimensions, channels, channels, (1, kernel), (1, stride), affine=affine),
            ReLUConvBatchNorm(dimensions, channels, channels, (kernel, 1), (stride, 1), affine=affine),
        )

    return build


def _max_pool(kernel: int) -> Build:
    return lambda dimensions, channels, stride, affine: max_pool(dimensions, kernel, stride)


def _average_pool(kernel: int) -> Build:
    return lambda dimensions, channels, stride, affine: average_pool(dimensions, kernel, stride)


POOLS: dict[str, Build] = {
    "max_pool_3x3": _max_pool(3),
    "max_pool_5x5": _max_pool(5),
    "max_pool_7x7": _max_pool(7),
    "avg_pool_3x3": _average_pool(3),
}
CANDIDATES: dict[str, Build] = {
    "none": lambda dimensions, channels, stride, affine: Zero(channels, stride),
    "skip_connect": _skip,
    **POOLS,
    "conv_1x1": _conv(1),
    "conv_3x3": _conv(3),
    "conv_5x5": _conv(5),
    "nor_conv_1x1": _conv(1),
    "nor_conv_3x3": _conv(3),
    "dilated_conv_3x3": _conv(3, dilation=2),
    "conv_1x3_3x1": _row_then_column(3),
    "conv_1x7_7x1": _row_then_column(7),
    "sep_conv_3x3": _separable(3),
    "sep_conv_5x5": _separable(5),
    "sep_conv_7x7": _separable(7),
    "dil_conv_3x3": _dilated_separable(3),
    "dil_conv_5x5": _dilated_separable(5),
}


def candidate(
    name: str, dimensions: int, channels: int, stride: int = 1, *, affine: bool = True, normalise_pools: bool = False
) -> nn.Module:
    """The operation `name`: (B, channels, ...) -> (B, channels, ceil(... / stride)). Raises UnknownName if it does not exist.

    While weights are shared, DARTS uses batch normalisations without scale and shift (`affine`), which could undo the gates, and
    normalises after pooling, so that all candidates have outputs of similar scale (Liu et al. 2019, arXiv:1806.09055, appendix
    A.1).
    """
    if name not in CANDIDATES:
        raise UnknownName(f"unknown operation {name!r}: choose from {', '.join(CANDIDATES)}")
    operation = CANDIDATES[name](dimensions, channels, stride, affine)
    return (
        nn.Sequential(operation, batch_norm(dimensions, channels, affine=False)) if normalise_pools and name in POOLS else operation
    )
