"""Depthwise convolutions of images and their gradients, expressed by the calls that are fast in oneDNN.

On a CPU, oneDNN has a fast depthwise convolution for every kernel, stride and dilation, but its backward passes are slow
except for one case: the weight gradient of a kernel with up to three columns, at stride 1, without dilation. Let x have C channels
(channels-last in memory), and let the kernel have size k and dilation d and read the offsets o, o' = -m ... m, m = (k - 1) / 2:

    y[h, w] = sum over o, o' of f[o, o'] x[h + d o, w + d o']

- In memory, n adjacent columns of an image are one column of n C channels. Columns n apart are adjacent in that view.
- A dilated convolution reads columns d apart: along the row it is an undilated one in the view that merges d columns.
- The gradient of f[:, o'] is the sum of x[., w + d o'] g[., w]. For o' = -m, 0, m, which are n = m d columns apart, it is the
  gradient of three adjacent columns in the view that merges n; for o' = r - m, r, with 0 < r < m, it is that of two, with x shifted
  by (r - m) d. So m calls give the whole gradient of f. Rows d apart are first separated into images of their own.
- The gradient of x at stride 1 is g convolved with the flipped kernel; at stride s it is the same with zeros inserted into g;
  and if s divides d, all positions read are s apart, and the convolution is equivalent to one at stride 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional, grad

from archwright.ops.memory_layout import channels_last

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d}
INPUT_GRADIENT: dict[int, Callable[..., Tensor]] = {1: grad.conv1d_input, 2: grad.conv2d_input}
WEIGHT_GRADIENT: dict[int, Callable[..., Tensor]] = {1: grad.conv1d_weight, 2: grad.conv2d_weight}


@dataclass(frozen=True)
class Filter:
    """A depthwise convolution padded by half its kernel: (B, C, ...) -> (B, C, ceil(... / stride)). weight: (C, 1, k, ...)."""

    weight: Tensor
    stride: int
    dilation: int

    @property
    def padding(self) -> tuple[int, ...]:
        return tuple(self.dilation * (size - 1) // 2 for size in self.weight.shape[2:])

    @property
    def flipped(self) -> Filter:
        return replace(self, weight=self.weight.flip(*range(2, self.weight.dim())))


def filtered(x: Tensor, f: Filter) -> Tensor:
    """The depthwise convolution of x: (B, C, ...) -> (B, C, ceil(... / stride))."""
    if _is_cpu_image(x) and f.stride == 1 and f.dilation > 1 and x.shape[3] % f.dilation == 0:
        columns, (rows, _) = f.dilation, f.padding
        merged, weight = _merge_columns(x, columns), f.weight.repeat(columns, 1, 1, 1)
        padding = (rows, f.weight.shape[3] // 2)
        return _split_columns(functional.conv2d(merged, weight, None, 1, padding, (f.dilation, 1), merged.shape[1]), columns)
    return CONVOLVE[x.dim() - 2](x, f.weight, None, f.stride, f.padding, f.dilation, x.shape[1])


def input_gradient(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    """The gradient of x, (B, C, ...), from that of `filtered(x, f)`."""
    if f.stride == 1:
        return filtered(gradient, f.flipped)
    if not _is_cpu_image(x):
        backward = INPUT_GRADIENT[x.dim() - 2]
        return backward(x.shape, f.weight, gradient, f.stride, f.padding, f.dilation, x.shape[1])
    if f.dilation % f.stride == 0:
        return _insert_zeros(filtered(gradient, _unstrided(f).flipped), x, f.stride)
    return filtered(_insert_zeros(gradient, x, f.stride), replace(f, stride=1).flipped)


def weight_gradient(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    """The gradient of f's weight, (C, 1, k, ...), from that of `filtered(x, f)`."""
    if _is_cpu_image(x) and f.stride > 1 and f.dilation % f.stride == 0:
        return weight_gradient(gradient, _unstrided(f), channels_last(x[:, :, :: f.stride, :: f.stride]))
    if _is_cpu_image(x) and f.stride == 1 and (f.dilation > 1 or f.weight.shape[3] > 3):
        return _weight_gradient_by_columns(gradient, f, x)
    backward = WEIGHT_GRADIENT[x.dim() - 2]
    return backward(x, f.weight.shape, gradient, f.stride, f.padding, f.dilation, x.shape[1])


def _weight_gradient_by_columns(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    reach = f.weight.shape[3] // 2
    columns = reach * f.dilation
    right, below = -x.shape[3] % columns, -x.shape[2] % f.dilation  # padding to multiples of columns and dilation
    g = _merge_columns(_separate_rows(functional.pad(gradient, (0, right, 0, below)), f.dilation), columns)
    found = torch.empty_like(f.weight)
    for r in range(reach):
        shift = r * f.dilation
        left = columns - shift if r else 0
        y = _merge_columns(_separate_rows(functional.pad(x, (left, shift + right, 0, below)), f.dilation), columns)
        found[..., r::reach] = _adjacent_taps(g, y, f.weight, columns, taps=2 if r else 3)
    return found


def _adjacent_taps(g: Tensor, y: Tensor, like: Tensor, columns: int, taps: int) -> Tensor:
    """(C, 1, k, taps): the gradient of `taps` columns of a kernel, from images that merge `columns` columns into one.

    With three taps, the middle one reads the column of its output; with two, the first one does.
    """
    channels, _, height, _ = like.shape
    wide = (columns * channels, 1, height, taps)
    each: Tensor = WEIGHT_GRADIENT[2](y, wide, g, 1, (height // 2, taps - 2), 1, wide[0])
    return each.reshape(columns, channels, 1, height, taps).sum(dim=0)


def _is_cpu_image(x: Tensor) -> bool:
    """Whether the alternative computations are faster for x: for images on a CPU."""
    return x.dim() == 4 and x.device.type == "cpu"


def _unstrided(f: Filter) -> Filter:
    """The equivalent filter on every `stride`-th pixel, if it reads no others."""
    return replace(f, stride=1, dilation=f.dilation // f.stride)


def _merge_columns(x: Tensor, columns: int) -> Tensor:
    """(B, C, H, W) -> (B, columns * C, H, W / columns), without a copy."""
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1)
    return rows.reshape(batch, height, width // columns, columns * channels).permute(0, 3, 1, 2)


def _split_columns(x: Tensor, columns: int) -> Tensor:
    """The inverse of `_merge_columns`."""
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1)
    return rows.reshape(batch, height, width * columns, channels // columns).permute(0, 3, 1, 2)


def _separate_rows(x: Tensor, distance: int) -> Tensor:
    """(B, C, H, W) -> (B * distance, C, H / distance, W): rows `distance` apart become images of their own."""
    if distance == 1:
        return x
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1).reshape(batch, height // distance, distance, width, channels).transpose(1, 2)
    return rows.reshape(batch * distance, height // distance, width, channels).permute(0, 3, 1, 2)


def _insert_zeros(gradient: Tensor, x: Tensor, stride: int) -> Tensor:
    """Zeros like x, with the gradient at every `stride`-th pixel."""
    zeros = torch.zeros_like(x, memory_format=torch.channels_last)
    zeros[:, :, ::stride, ::stride] = gradient
    return zeros
