import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.data.split_rows import absent_classes, divide
from archwright.data.targets import Targets, read_targets
from archwright.errors import DataError


def classes(y):
    return read_targets(np.asarray(y), "classification", (), (), "here")


def amounts(rows):
    return Targets("regression", np.arange(rows, dtype=np.float32)[:, None], ("target",))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(3, 40), min_size=2, max_size=6), st.integers(0, 5))
def test_splits_are_stratified_with_every_class_in_each(counts, seed):
    targets = classes(np.repeat(np.arange(len(counts)), counts))
    division = divide(targets, None, seed, "here")
    assert np.array_equal(np.sort(np.concatenate([division.train, division.val, division.test])), np.arange(sum(counts)))
    for rows in (division.val, division.test):
        found = np.bincount(targets.y[rows], minlength=len(counts))
        assert np.all(np.abs(found - 0.2 * np.array(counts)) <= 1.01)
        assert found.min() >= 1
    assert set(targets.y[division.train]) == set(range(len(counts)))


def test_splits_take_a_fifth_of_few_rows_and_a_tenth_of_many():
    small, large = divide(amounts(9_999), None, 0, "here"), divide(amounts(10_000), None, 0, "here")
    assert [len(small.train), len(small.val), len(small.test)] == [5_999, 2_000, 2_000]
    assert [len(large.train), len(large.val), len(large.test)] == [8_000, 1_000, 1_000]


def test_given_splits_are_kept_and_missing_ones_are_made():
    targets = classes(np.arange(100) % 2)
    division = divide(targets, (60, 0, 40), 0, "here")
    assert division.test.tolist() == list(range(60, 100))
    assert len(division.val) == 12
    assert division.val.max() < 60
    other = divide(targets, (60, 40, 0), 0, "here")
    assert other.val.tolist() == list(range(60, 100))
    assert len(other.test) == 12


def test_the_seed_decides():
    first, again, other = (divide(amounts(100), None, seed, "here") for seed in (0, 0, 1))
    assert np.array_equal(first.val, again.val)
    assert not np.array_equal(first.val, other.val)


@pytest.mark.parametrize(
    ("y", "sizes", "message"),
    [
        ([0, 1, 2], None, r"class '0' \(1\), '1' \(1\), '2' \(1\): each class needs at least 3"),
        ([0, 0, 0, 1, 1], None, r"class '1' \(2\)"),
        ([0, 0, 1, 1, 2, 0, 1], (4, 1, 2), r"class '2' \(0\): each class needs at least 1"),
        ([0, 1, 0, 1, 2], (2, 0, 3), "2 rows are fewer than the 3 classes"),
    ],
)
def test_classes_need_rows(y, sizes, message):
    with pytest.raises(DataError, match=message):
        divide(classes(y), sizes, 0, "here")


def test_amounts_need_rows_too():
    assert len(divide(amounts(6), None, 0, "here").train) == 2
    with pytest.raises(DataError, match="5 rows are too few to split: give at least 6"):
        divide(amounts(5), None, 0, "here")
    with pytest.raises(DataError, match=r"validation split has 1 row: give at least 2"):
        divide(amounts(20), (15, 1, 4), 0, "here")


def test_a_given_split_without_a_class_is_noted():
    targets = classes([0, 1, 0, 1, 0, 0])
    notes = absent_classes(targets, divide(targets, (4, 1, 1), 0, "here"))
    assert notes == ("the validation split has no row of class 1", "the test split has no row of class 1")
