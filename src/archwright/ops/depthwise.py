"""Depthwise convolutions of images, and their gradients, as the calls that oneDNN is fast at.

On a processor, oneDNN has a quick depthwise convolution for every kernel, stride and dilation, but its backward passes are slow
but for one case: the weight's gradient of a kernel of up to three columns, at stride 1, undilated. So with x of C channels, last
in memory, kernel k, dilation d, and o, o' = -m ... m, m = (k - 1) / 2, the places that a kernel reads:

    y[h, w] = sum over o, o' of f[o, o'] x[h + d o, w + d o']

- n neighbouring columns of an image are, in memory, one column of n C channels. Columns n apart are neighbours there.
- A dilated convolution reads columns d apart: along the row it is one without dilation of the image with d columns beside another.
- The gradient of f[:, o'] is the sum of x[., w + d o'] g[., w]. Those of o' = -m, 0, m, which are n = m d columns apart, are that
  of three neighbouring columns with n beside another; those of o' = r - m, r, for 0 < r < m, are that of two, x moved by (r - m) d:
  so m calls give all of f. Rows that are d apart are made images of their own before.
- The gradient of x at stride 1 is g convolved with the flipped kernel; at stride s the same of g with zeros between its numbers;
  and where s divides d, all that is read lies s apart, and the convolution is one at stride 1.
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
    """A depthwise convolution that pads by half its kernel: (B, C, ...) -> (B, C, ceil(... / stride)). weight: (C, 1, k, ...)."""

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
    """(B, C, ...) -> (B, C, ceil(... / stride))"""
    if _arranged(x) and f.stride == 1 and f.dilation > 1 and x.shape[3] % f.dilation == 0:
        columns, (rows, _) = f.dilation, f.padding
        beside, weight = _beside(x, columns), f.weight.repeat(columns, 1, 1, 1)
        padding = (rows, f.weight.shape[3] // 2)
        return _apart(functional.conv2d(beside, weight, None, 1, padding, (f.dilation, 1), beside.shape[1]), columns)
    return CONVOLVE[x.dim() - 2](x, f.weight, None, f.stride, f.padding, f.dilation, x.shape[1])


def input_gradient(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    """That of x, (B, C, ...), from that of `filtered(x, f)`."""
    if f.stride == 1:
        return filtered(gradient, f.flipped)
    if not _arranged(x):
        backward = INPUT_GRADIENT[x.dim() - 2]
        return backward(x.shape, f.weight, gradient, f.stride, f.padding, f.dilation, x.shape[1])
    if f.dilation % f.stride == 0:
        return _spread(filtered(gradient, _of_what_is_read(f).flipped), x, f.stride)
    return filtered(_spread(gradient, x, f.stride), replace(f, stride=1).flipped)


def weight_gradient(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    """That of f's weight, (C, 1, k, ...), from that of `filtered(x, f)`."""
    if _arranged(x) and f.stride > 1 and f.dilation % f.stride == 0:
        return weight_gradient(gradient, _of_what_is_read(f), channels_last(x[:, :, :: f.stride, :: f.stride]))
    if _arranged(x) and f.stride == 1 and (f.dilation > 1 or f.weight.shape[3] > 3):
        return _weight_gradient_by_columns(gradient, f, x)
    backward = WEIGHT_GRADIENT[x.dim() - 2]
    return backward(x, f.weight.shape, gradient, f.stride, f.padding, f.dilation, x.shape[1])


def _weight_gradient_by_columns(gradient: Tensor, f: Filter, x: Tensor) -> Tensor:
    reach = f.weight.shape[3] // 2
    columns = reach * f.dilation
    right, below = -x.shape[3] % columns, -x.shape[2] % f.dilation  # what is missing to whole columns and rows
    g = _beside(_rows_apart(functional.pad(gradient, (0, right, 0, below)), f.dilation), columns)
    found = torch.empty_like(f.weight)
    for r in range(reach):
        moved = r * f.dilation
        before = columns - moved if r else 0
        y = _beside(_rows_apart(functional.pad(x, (before, moved + right, 0, below)), f.dilation), columns)
        found[..., r::reach] = _neighbouring_taps(g, y, f.weight, columns, taps=2 if r else 3)
    return found


def _neighbouring_taps(g: Tensor, y: Tensor, like: Tensor, columns: int, taps: int) -> Tensor:
    """(C, 1, k, taps): the gradient of so many columns of a kernel, from images with `columns` columns beside another.

    Of three taps, the middle one reads the column of its result; of two, the first does.
    """
    channels, _, height, _ = like.shape
    wide = (columns * channels, 1, height, taps)
    each: Tensor = WEIGHT_GRADIENT[2](y, wide, g, 1, (height // 2, taps - 2), 1, wide[0])
    return each.reshape(columns, channels, 1, height, taps).sum(dim=0)


def _arranged(x: Tensor) -> bool:
    """Whether it is of those for which the detours pay: images on a processor."""
    return x.dim() == 4 and x.device.type == "cpu"


def _of_what_is_read(f: Filter) -> Filter:
    """The filter of every `stride`-th pixel, where it reads no others."""
    return replace(f, stride=1, dilation=f.dilation // f.stride)


def _beside(x: Tensor, columns: int) -> Tensor:
    """(B, C, H, W) -> (B, columns * C, H, W / columns), without a copy."""
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1)
    return rows.reshape(batch, height, width // columns, columns * channels).permute(0, 3, 1, 2)


def _apart(x: Tensor, columns: int) -> Tensor:
    """The inverse of `_beside`."""
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1)
    return rows.reshape(batch, height, width * columns, channels // columns).permute(0, 3, 1, 2)


def _rows_apart(x: Tensor, distance: int) -> Tensor:
    """(B, C, H, W) -> (B * distance, C, H / distance, W): images of the rows that are so far from each other."""
    if distance == 1:
        return x
    batch, channels, height, width = x.shape
    rows = channels_last(x).permute(0, 2, 3, 1).reshape(batch, height // distance, distance, width, channels).transpose(1, 2)
    return rows.reshape(batch * distance, height // distance, width, channels).permute(0, 3, 1, 2)


def _spread(gradient: Tensor, x: Tensor, stride: int) -> Tensor:
    """Zeros like x with the gradient's numbers at every `stride`-th pixel."""
    zeros = torch.zeros_like(x, memory_format=torch.channels_last)
    zeros[:, :, ::stride, ::stride] = gradient
    return zeros
