import numpy as np
import pytest

from archwright.data.layout import lay_out
from archwright.errors import DataError


@pytest.mark.parametrize(
    ("shape", "layout", "result", "note"),
    [
        ((5, 30), None, (5, 1, 30), "one-channel series of length 30"),
        ((5, 30), "series", (5, 1, 30), ""),
        ((5, 30), "flat", (5, 30), ""),
        ((5, 8, 8), None, (5, 1, 8, 8), "5 grey images of 8x8"),
        ((5, 16, 128), None, (5, 1, 16, 128), "5 grey images of 16x128"),
        ((5, 16, 129), None, (5, 16, 129), "5 series of length 129 with 16 channels"),
        ((5, 15, 20), None, (5, 15, 20), "5 series of length 20 with 15 channels"),
        ((5, 8, 8), "series", (5, 8, 8), ""),
        ((5, 3, 40), "image", (5, 1, 3, 40), ""),
        ((5, 3, 40), "flat", (5, 120), "flattened to 120"),
        ((5, 3, 20, 24), None, (5, 3, 20, 24), ""),
        ((5, 20, 24, 3), None, (5, 3, 20, 24), "channels last"),
        ((5, 3, 24, 3), None, (5, 3, 24, 3), ""),
        ((5, 7, 24, 5), None, (5, 7, 24, 5), ""),
    ],
)
def test_axes_are_recognised(shape, layout, result, note):
    x = np.arange(np.prod(shape)).reshape(shape)
    laid_out, notes = lay_out(x, layout, "here")
    assert laid_out.shape == result
    assert (note in notes[0]) if note else not notes


def test_moving_channels_keeps_every_pixel():
    x = np.arange(5 * 20 * 24 * 3).reshape(5, 20, 24, 3)
    moved, _ = lay_out(x, None, "here")
    assert moved[2, 1, 7, 9] == x[2, 7, 9, 1]


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((5,), None, r"shape \(5,\) cannot be used"),
        ((5, 1, 2, 3, 4), None, r"shape \(5, 1, 2, 3, 4\) cannot be used"),
        ((5, 0), None, "cannot be used"),
        ((5, 3, 4, 4), "series", "do not fit layout series"),
        ((5, 3), "image", "do not fit layout image"),
        ((5, 3), "cube", "choose from flat, series, image"),
    ],
)
def test_other_shapes_are_refused(shape, layout, message):
    with pytest.raises(DataError, match=message):
        lay_out(np.zeros(shape), layout, "here")
