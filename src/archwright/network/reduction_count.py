"""How often an input of a given shape can and should be halved: the same answer for searched and hand-designed networks."""

from __future__ import annotations

from math import ceil

SMALLEST_MAP = 4
"""Minimum number of positions along the shorter side in the last stage: on fewer, a 3x3 kernel sees mostly padding."""
FINAL_SIDE, MOST_HALVINGS = 8, 4
LARGE = {1: 256, 2: 64}
"""Positions along the longer side from which the stem halves the input, for series and images."""


def fitting_halvings(input_shape: tuple[int, ...], stem_stride: int = 1) -> int:
    """The most halvings after the stem that leave `SMALLEST_MAP` positions; each rounds up. input_shape: (C, L) or (C, H, W)."""
    size = ceil(min(input_shape[1:]) / stem_stride)
    halvings = 0
    while ceil(size / 2 ** (halvings + 1)) >= SMALLEST_MAP:
        halvings += 1
    return halvings


def usual_halvings(side: int) -> int:
    """Halvings until 8 positions are left, at least two (as for 32 x 32 in papers on cells), at most four, and never below 4."""
    halvings = 0
    while halvings < MOST_HALVINGS and -(-side // 2) >= SMALLEST_MAP and (side > FINAL_SIDE or halvings < 2):
        side = -(-side // 2)
        halvings += 1
    return halvings


def stem_stride_for(input_shape: tuple[int, ...]) -> int:
    """Doubled until the longer side is no longer large, as far as the shorter side allows. 1 for flat features."""
    if len(input_shape) == 1:
        return 1
    stride = 1
    while is_large(input_shape, stride) and min(input_shape[1:]) // (2 * stride) >= SMALLEST_MAP:
        stride *= 2
    return stride


def is_large(input_shape: tuple[int, ...], stride: int = 1) -> bool:
    """Whether the longer side, after a stem of this stride, still has at least `LARGE` positions."""
    return max(input_shape[1:]) // stride >= LARGE[len(input_shape) - 1]
