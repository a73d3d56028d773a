"""How often an input of a given shape can and should be halved: the same answer for searched and hand-designed networks."""

from __future__ import annotations

from math import ceil

SMALLEST_MAP = 4
"""Positions along the shorter side that the last stage must have: a 3x3 kernel on fewer sees mostly padding."""
FINAL_SIDE, MOST_HALVINGS = 8, 4
LARGE = {1: 256, 2: 64}
"""Positions along the longer side from which on the stem halves the input, for series and images."""


def fitting_halvings(input_shape: tuple[int, ...], stem_stride: int = 1) -> int:
    """The most halvings after the stem that leave `SMALLEST_MAP` positions; each rounds up. input_shape: (C, L) or (C, H, W)."""
    size = ceil(min(input_shape[1:]) / stem_stride)
    halvings = 0
    while ceil(size / 2 ** (halvings + 1)) >= SMALLEST_MAP:
        halvings += 1
    return halvings


def usual_halvings(side: int) -> int:
    """Until 8 positions are left along it, twice at least (as for 32 x 32 in papers on cells) but keep 4, four times at most."""
    halvings = 0
    while halvings < MOST_HALVINGS and -(-side // 2) >= SMALLEST_MAP and (side > FINAL_SIDE or halvings < 2):
        side = -(-side // 2)
        halvings += 1
    return halvings


def stem_stride_for(input_shape: tuple[int, ...]) -> int:
    """Doubled until the longer side is no longer large, as long as the shorter side can bear it. 1 for flat features."""
    if len(input_shape) == 1:
        return 1
    stride = 1
    while is_large(input_shape, stride) and min(input_shape[1:]) // (2 * stride) >= SMALLEST_MAP:
        stride *= 2
    return stride


def is_large(input_shape: tuple[int, ...], stride: int = 1) -> bool:
    """Whether the longer side, after a stem of this stride, still has the length of `LARGE`."""
    return max(input_shape[1:]) // stride >= LARGE[len(input_shape) - 1]
