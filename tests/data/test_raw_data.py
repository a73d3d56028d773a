import numpy as np
import pytest

from archwright.data.raw_data import as_array, join_parts
from archwright.errors import DataError


def test_given_splits_are_concatenated_in_order():
    x, y, sizes = join_parts({"train": ([[1], [2], [3]], [0, 1, 0]), "test": ([[4]], [1])}, "here")
    assert x[:, 0].tolist() == [1, 2, 3, 4]
    assert y.tolist() == [0, 1, 0, 1]
    assert sizes == (3, 0, 1)


def test_one_pair_gives_no_splits():
    assert join_parts({"": ([[1.0]], None)}, "here")[1:] == (None, None)


def test_texts_in_a_list_of_objects_are_texts():
    assert as_array(np.array(["a", "bc"], dtype=object), "here").dtype.kind == "U"
    assert as_array(np.array([b"a"]), "here").tolist() == ["a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "not form one array"),
        (np.array([object()]), "of type object"),
        (np.array([1 + 2j]), "of type complex"),
        (np.float64(3), "a single value"),
        (np.ma.masked_array([1.0, 2.0], mask=[True, False]), "1 masked"),
    ],
)
def test_values_that_form_no_array_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        as_array(values, "here")


def test_rows_must_fit_together():
    with pytest.raises(DataError, match=r"\(3, 2\) have 3 rows and targets \(2,\) have 2"):
        join_parts({"": (np.zeros((3, 2)), np.zeros(2))}, "here")
    with pytest.raises(DataError, match="x_train \\(2,\\), x_test \\(3,\\)"):
        join_parts({"train": (np.zeros((1, 2)), [0]), "test": (np.zeros((1, 3)), [0])}, "here")
    with pytest.raises(DataError, match="has no rows"):
        join_parts({"": (np.zeros((0, 2)), np.zeros(0))}, "here")
