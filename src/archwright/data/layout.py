"""Interprets the axes of the inputs: as (N, F), (N, C, L) or (N, C, H, W).

The rule: two axes are series with one channel; four are images with the channels first (or last, if only that makes sense);
three are images (N, H, W) if both sides are similar (equal, or both at least 16 and at most 8 to 1), else series (N, C, L).
An explicit layout takes precedence over the rule, and every assumption is reported.
"""

from __future__ import annotations

from archwright.data.raw_data import Array
from archwright.errors import DataError

LAYOUTS = ("flat", "series", "image")
CHANNELS = (1, 3, 4)
SHORTEST_SIDE = 16
LONGEST_RATIO = 8


def lay_out(x: Array, layout: str | None, where: str) -> tuple[Array, tuple[str, ...]]:
    """The inputs with a channel axis, and the assumptions made, in words.

    x: (N, ...). Returns (N, F), (N, C, L) or (N, C, H, W). Raises DataError if the shape does not fit.
    """
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"{where}: there is no layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    if x.ndim < 2 or x.ndim > 4 or 0 in x.shape:
        raise DataError(
            f"{where}: inputs of shape {x.shape} cannot be used: give (N, F) features, (N, L) or (N, C, L) series, "
            "(N, H, W) or (N, C, H, W) images"
        )
    if layout == "flat":
        return _flat(x)
    if layout is None and x.ndim == 3:
        layout = "image" if looks_like_image(*x.shape[1:]) else "series"
        return _with_channels(x, layout, where, f"{x.shape} were read as {_in_words(x, layout)}: if that is wrong, give the layout")
    if layout is None and x.ndim == 2:
        note = f"{x.shape} were read as one-channel series of length {x.shape[1]}: give layout 'flat' for features without an order"
        return _with_channels(x, "series", where, note)
    return _with_channels(x, layout or "image", where, "")


def looks_like_image(height: int, width: int) -> bool:
    """Whether two unnamed axes look like the sides of an image."""
    short, long = sorted((height, width))
    return height == width or (short >= SHORTEST_SIDE and long <= LONGEST_RATIO * short)


def _flat(x: Array) -> tuple[Array, tuple[str, ...]]:
    if x.ndim == 2:
        return x, ()
    return x.reshape(len(x), -1), (f"inputs {x.shape} were flattened to {x[0].size} features",)


def _with_channels(x: Array, layout: str, where: str, note: str) -> tuple[Array, tuple[str, ...]]:
    sample_axes = {"series": 2, "image": 3}[layout]
    if x.ndim - 1 not in (sample_axes - 1, sample_axes):
        raise DataError(
            f"{where}: inputs of shape {x.shape} do not fit layout {layout}: "
            f"give (N, {'C, L' if layout == 'series' else 'C, H, W'})"
        )
    if x.ndim == sample_axes:
        return x[:, None], ((f"inputs {note}",) if note else ())
    if layout == "image" and channels_last(*x.shape[1:]):
        return x.transpose(0, 3, 1, 2), (f"inputs {x.shape} have their channels last: they were moved to the front",)
    return x, ((f"inputs {note}",) if note else ())


def channels_last(first: int, second: int, third: int) -> bool:
    """Whether an image's axes can only be height, width, channels."""
    return third in CHANNELS and first not in CHANNELS and min(first, second) > third


def _in_words(x: Array, layout: str) -> str:
    if layout == "image":
        return f"{len(x)} grey images of {x.shape[1]}x{x.shape[2]}"
    return f"{len(x)} series of length {x.shape[2]} with {x.shape[1]} channels"
