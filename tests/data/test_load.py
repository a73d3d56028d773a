"""Loading end to end: user mistakes and prediction. The contract of each loader is in test_contract.py."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.data.load import load_inputs, load_problem
from archwright.errors import DataError, InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 1, 20))
CLASSES = np.arange(30) % 3


def with_value(values, place, value):
    changed = np.array(values, dtype=float)
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (
            {"x": with_value(X, (4, 0, 3), np.nan), "y": CLASSES},
            {},
            r"1 value that is missing or infinite, first nan in row 4",
        ),
        ({"x": with_value(X, (4, 0, 3), np.inf), "y": CLASSES}, {}, r"first inf in row 4 \(counted from 0\), at \(0, 3\)"),
        ({"x": X, "y": with_value(RNG.normal(size=30), 7, np.nan)}, {}, "targets hold 1 value.*row 7"),
        ({"x": X, "y": with_value(RNG.normal(size=30), 7, -np.inf)}, {}, "targets hold 1 value.*row 7"),
        ({"x": X, "y": CLASSES[:-1]}, {}, "30 rows and targets .* have 29"),
        ({"x": np.zeros((30, 1, 2, 3, 4)), "y": CLASSES}, {}, r"shape \(30, 1, 2, 3, 4\) cannot be used"),
        ({"x": np.zeros((0, 3)), "y": []}, {}, "has no rows"),
        ({"x": X.astype(object), "y": CLASSES}, {}, "of type object"),
        ({"x": X, "y": np.zeros(30, int)}, {}, "one class"),
        ({"x": X[:4], "y": np.array(["a", "b", "c", "d"])}, {}, "too few rows"),
        ({"x": X, "y": RNG.normal(size=30)}, {"task": "classification"}, "give whole numbers, or task regression"),
        ({"x": X, "y": CLASSES}, {"task": "multi_label"}, "give 0 or 1"),
        ({"x": X, "y": np.array(["a", "b", "c"] * 10)}, {"task": "regression"}, "texts such as 'a'"),
        ({"x": X, "y": CLASSES}, {"task": "clasification"}, "choose from classification"),
        ({"x": X, "y": CLASSES}, {"layout": "picture"}, "choose from flat, series, image"),
        ({"x": X, "y": CLASSES}, {"target": "y"}, "--target names columns"),
    ],
)
def test_bad_arrays_are_refused_in_one_sentence(arrays, options, message):
    with pytest.raises(DataError, match=message) as caught:
        load_problem(Arrays(**arrays), **options)
    assert "\n" not in str(caught.value)


def test_missing_values_in_a_table_name_the_column(samples, tmp_path):
    file = samples.table(tmp_path / "ores.csv")
    lines = file.read_text().splitlines()
    lines[5] = "," + lines[5].split(",", 1)[1]
    file.write_text("\n".join(line.rsplit(",", 2)[0] + "," + line.rsplit(",", 1)[1] for line in lines))
    with pytest.raises(DataError, match=r"row 4 \(counted from 0\), column 'mass'"):
        load_problem(file, target="yield")


def test_the_hash_depends_only_on_the_contents(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=CLASSES)
    hashes = {
        load_problem(source, seed=seed).problem.data_hash
        for seed in (0, 1)
        for source in (tmp_path / "a.npz", Arrays(x=X, y=CLASSES))
    }
    assert len(hashes) == 1
    others = [
        load_problem(Arrays(x=with_value(X, (29, 0, 19), 5.0), y=CLASSES)),
        load_problem(Arrays(x=X, y=(CLASSES + 1) % 3)),
        load_problem(Arrays(x=X, y=CLASSES), task="regression"),
        load_problem(Arrays(x=X, y=CLASSES), layout="flat"),
        load_problem(Arrays(x_train=X[:20], y_train=CLASSES[:20], x_test=X[20:], y_test=CLASSES[20:])),
    ]
    assert len({other.problem.data_hash for other in others} | hashes) == 6


def test_target_columns_come_as_text_or_as_names(samples, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n" + "".join(f"{i},{i * 0.5},{-i}.5\n" for i in range(20)))
    one, two = load_problem(file, target="c, b").problem, load_problem(file, target=("c", "b")).problem
    assert one == two
    assert (one.names, one.inputs, one.task) == (("c", "b"), ("a",), "regression")


def test_assumptions_are_noted():
    notes = load_problem(Arrays(x=X[:, 0], y=CLASSES)).notes
    assert any("series of length 20" in note for note in notes)
    assert any("read as classes" in note for note in notes)
    dates = np.linspace(2459000.0, 2459000.9, 30)[:, None].repeat(2, axis=1)
    assert any("float32" in note for note in load_problem(Arrays(x=dates, y=CLASSES), layout="flat").notes)


def test_another_layout_can_be_given():
    assert load_problem("digits", layout="flat").problem.input_shape == (64,)
    assert load_problem("digits", layout="flat").problem.augmentation == ()
    assert load_problem(Arrays(x=X[:, 0], y=CLASSES, layout="flat")).problem.input_shape == (20,)


@pytest.mark.parametrize("x", [X, X[:, 0]])
def test_inputs_are_fitted_to_the_problem(x, tmp_path):
    problem = load_problem(Arrays(x=X, y=CLASSES)).problem
    np.savez(tmp_path / "new.npz", x=x)
    for source in (tmp_path / "new.npz", Arrays(x=x)):
        read, index = load_inputs(source, problem)
        assert np.array_equal(read, X.astype(np.float32))
        assert index.tolist() == list(range(30))


def test_an_error_for_another_shape_names_both_shapes():
    problem = load_problem(Arrays(x=X, y=CLASSES)).problem
    with pytest.raises(InputError, match=r"rows of shape \(2, 20\) do not fit a network trained on rows of shape \(1, 20\)"):
        load_inputs(Arrays(x=X.repeat(2, axis=1)), problem)
    with pytest.raises(InputError, match="missing or infinite"):
        load_inputs(Arrays(x=with_value(X, (0, 0, 0), np.nan)), problem)


def test_images_with_channels_last_or_flattened_fit():
    images = RNG.integers(0, 255, (12, 20, 24, 3)).astype(np.uint8)
    data = load_problem(Arrays(x=images, y=np.arange(12) % 2))
    assert np.array_equal(load_inputs(Arrays(x=images), data.problem)[0], images.transpose(0, 3, 1, 2))
    flat = load_problem(Arrays(x=images, y=np.arange(12) % 2, layout="flat"))
    assert load_inputs(Arrays(x=images), flat.problem)[0].shape == (12, 1440)


def test_a_folder_of_images_needs_no_classes_for_prediction(samples, tmp_path):
    problem = load_problem(samples.image_folder(tmp_path / "insects")).problem
    loose = tmp_path / "insects" / "ant"
    assert load_inputs(loose, problem)[0].shape == (10, 3, 9, 11)
    grey = samples.image_folder(tmp_path / "grey", mode="L")
    assert load_inputs(grey, problem)[0].shape == (30, 3, 9, 11)


def test_a_table_for_prediction_may_lack_the_target(samples, tmp_path):
    file = samples.table(tmp_path / "ores.csv")
    text = [line.split(",") for line in file.read_text().splitlines()]
    file.write_text("\n".join(",".join((a, b, c, e)) for a, b, c, _, e in text))
    data = load_problem(file, target="yield")
    new = tmp_path / "new.csv"
    new.write_text("\n".join(",".join((c, "remark", a, b)) for a, b, c, _, _ in text))
    read, _ = load_inputs(new, data.problem)
    assert np.array_equal(read, load_inputs(file, data.problem)[0])
    assert read.shape == (60, 3)


@pytest.mark.parametrize("name", ["digits"])
def test_the_inputs_of_a_data_set_can_be_loaded_for_prediction(name):
    assert load_inputs(name, load_problem(name).problem)[0].shape == (1797, 1, 8, 8)
