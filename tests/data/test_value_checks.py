import numpy as np
import pytest

from archwright.data.value_checks import as_inputs, lossy_columns
from archwright.errors import DataError


def test_byte_images_stay_bytes_and_everything_else_is_float32():
    assert as_inputs(np.zeros((2, 1, 3, 3), np.uint8), (), "here").dtype == np.uint8
    assert as_inputs(np.zeros((2, 9), np.uint8), (), "here").dtype == np.float32
    assert as_inputs(np.ones((2, 1, 3, 3), bool), (), "here").dtype == np.float32
    assert as_inputs(np.array([[1, 2]]), (), "here").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_and_the_first_is_named(value):
    x = np.zeros((9000, 3))
    x[[8000, 8001], 1] = value
    with pytest.raises(DataError, match=r"hold 2 values that are missing or infinite.*row 8000 \(counted from 0\), column 'b'"):
        as_inputs(x, ("a", "b", "c"), "here")
    with pytest.raises(DataError, match=r"row 8000 \(counted from 0\), at \(0, 1\)"):
        as_inputs(x[:, None], (), "here")


def test_values_beyond_float32_are_refused():
    with pytest.raises(DataError, match="too large for float32"):
        as_inputs(np.array([[1e39]]), (), "here")
    with pytest.raises(DataError, match="of type <U1"):
        as_inputs(np.array([["a"]]), (), "here")


def test_columns_that_lose_precision_are_named():
    x = np.array([[2459000.5, 1.0], [2459000.7, 2.0]])
    assert lossy_columns(x, ("date", "flux")) == ("column 'date'",)
    assert lossy_columns(x - x.min(axis=0), ("date", "flux")) == ()
