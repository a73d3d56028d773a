import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.errors import DataError

X, Y = np.zeros((4, 2)), np.arange(4)


def test_pairs_are_found_by_their_names():
    assert list(Arrays(x=X, y=Y).pairs()) == [""]
    assert list(Arrays(x_train=X, y_train=Y, x_test=X, y_test=Y).pairs()) == ["train", "test"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "has no inputs: name them 'x'"),
        ({"x": X}, "has no 'y'"),
        ({"y": Y}, "has no 'x'"),
        ({"x_train": X, "y_train": Y, "x_val": X}, "has no 'y_val'"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y}, "both 'x' and 'x_test'"),
        ({"x_test": X, "y_test": Y}, "has no 'x_train'"),
    ],
)
def test_half_a_pair_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        Arrays(**given).pairs()
