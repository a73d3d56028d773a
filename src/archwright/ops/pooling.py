"""Pooling on series and images alike, padded so that stride 1 keeps the size, and stride s gives ceil(size / s)."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.ops.convolution import check_dimensions

MAX_POOLS: dict[int, type[nn.MaxPool1d] | type[nn.MaxPool2d]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
AVERAGE_POOLS: dict[int, type[nn.AvgPool1d] | type[nn.AvgPool2d]] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}


def max_pool(dimensions: int, kernel: int = 3, stride: int = 1) -> nn.MaxPool1d | nn.MaxPool2d:
    """The maximum over a window of odd size."""
    check_dimensions(dimensions)
    return MAX_POOLS[dimensions](kernel, stride, padding=kernel // 2)


def average_pool(dimensions: int, kernel: int = 3, stride: int = 1) -> nn.AvgPool1d | nn.AvgPool2d:
    """The mean over a window of odd size, excluding padding."""
    check_dimensions(dimensions)
    return AVERAGE_POOLS[dimensions](kernel, stride, padding=kernel // 2, count_include_pad=False)


class GlobalAveragePool(nn.Module):
    """The mean over all positions: (B, C, L) or (B, C, H, W) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(dim=-1)
