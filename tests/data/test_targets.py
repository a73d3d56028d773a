import numpy as np
import pytest

from archwright.data.targets import infer_task, read_targets
from archwright.errors import DataError


def read(y, task=None, outputs=(), names=()):
    return read_targets(np.asarray(y), task, outputs, names, "here")


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.array(["a", "b"]), "classification"),
        (np.array([True, False]), "classification"),
        (np.arange(40) % 20, "classification"),
        (np.arange(40) % 21, "regression"),
        (np.arange(300) % 30, "classification"),
        (np.arange(299) % 30, "regression"),
        (np.arange(20000) % 1001, "regression"),
        (np.array([0.0, 1.0]), "regression"),
        (np.array([[0, 1], [1, 1]]), "multi_label"),
        (np.array([[True, False], [True, True]]), "multi_label"),
        (np.array([[0.0, 1.0], [1.0, 1.0]]), "regression"),
        (np.array([[0, 2], [1, 1]]), "regression"),
    ],
)
def test_the_task_follows_from_the_targets(y, task):
    assert infer_task(y, "here")[0] == task


def test_classes_become_numbers_in_sorted_order():
    targets = read(["b", "a", "b", "c"])
    assert targets.y.tolist() == [1, 0, 1, 2]
    assert targets.names == ("a", "b", "c")
    assert read([7, 3, 7], "classification").names == ("3", "7")
    assert read([2.0, 1.0], "classification").names == ("1", "2")
    assert read([1, 0, 1], names=("cat", "dog")).names == ("cat", "dog")


def test_large_class_numbers_as_floats_stay_distinct():
    assert read([16777216.0, 16777217.0], "classification").names == ("16777216", "16777217")


def test_a_single_column_is_the_same_as_a_vector():
    assert read([[1], [0]]).task == "classification"
    assert read([[1.5], [0.0]]).y.shape == (2, 1)


def test_one_hot_rows_are_labels_with_a_note_or_classes_on_request():
    rows = [[0, 1], [1, 0], [0, 1]]
    assert "classification" in read(rows).notes[0]
    classes = read(rows, "classification", outputs=("no", "yes"))
    assert classes.y.tolist() == [1, 0, 1]
    assert classes.names == ("no", "yes")


def test_outputs_have_names():
    assert read(np.eye(3) * 0.5).names == ("target_0", "target_1", "target_2")
    assert read(np.array([0.5, 1.5]), outputs=("strain",)).names == ("strain",)
    assert read([[0, 1], [1, 0], [1, 1]]).names == ("label_0", "label_1")


def test_assumptions_are_noted():
    assert "for amounts, give task regression" in read([0, 1, 0]).notes[0]
    assert "for classes, give task classification" in read([0.0, 1.0]).notes[0]
    assert "for classes, give task classification" in read(np.arange(50)).notes[0]
    assert not read([0, 1], "classification").notes


def test_a_constant_label_is_noted():
    assert "label_1" in read([[0, 1, 0], [1, 1, 0], [0, 1, 1]]).notes[0]


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        ([0, 1], "clustering", "choose from classification, multi_label, regression"),
        ([0, 0, 0], "classification", "all 3 rows are of one class"),
        (["a", "a"], None, r"one class \(a\)"),
        ([0.0, 1.5, 0.5], "classification", r"row 1 has 1.5"),
        ([0.0, np.nan], "classification", "missing or infinite"),
        ([[0, 1], [1, 1]], "classification", "2 target columns"),
        ([[0, 2], [1, 1]], "multi_label", r"row 0 \(counted from 0\) has 2 in 'label_1'"),
        ([[0.0, np.nan], [1, 1]], "multi_label", "has nan"),
        (["a", "b"], "multi_label", "texts such as 'a'"),
        ([[1, 1], [1, 1]], "multi_label", "constant over all 2 rows"),
        (["a", "b"], "regression", "texts such as 'a'"),
        ([1.0, np.nan], None, r"hold 1 value that is missing or infinite.*row 1.*column 'target'"),
        ([1.0, np.inf], "regression", "missing or infinite"),
        ([2.0, 2.0], None, "target is constant over all 2 rows"),
        ([["a", "b"], ["c", "d"]], None, "2 target columns hold texts"),
        (np.zeros((2, 2, 2)), None, r"shape \(2, 2, 2\) cannot be used"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y, task, message):
    with pytest.raises(DataError, match=message):
        read(y, task)
