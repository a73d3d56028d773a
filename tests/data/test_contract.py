"""The contract of every loader. A new one takes one line in LOADERS. (The 70,000 real images are in test_mnist.py.)"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.data.load import load_inputs, load_problem
from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.problem_folder import open_problem, save_problem
from archwright.data.sources import read_source


def npz(name, **entries):
    def write(samples, folder):
        np.savez(folder / f"{name}.npz", **entries)
        return folder / f"{name}.npz"

    return write


def numbers(*shape):
    return np.random.default_rng(1).normal(3, 2, shape)


LOADERS = {
    "digits": (lambda samples, folder: "digits", {}),
    "IDX folder": (lambda samples, folder: samples.idx_folder(folder / "mine"), {}),
    "IDX folder, plain": (lambda samples, folder: samples.idx_folder(folder / "mine", dots=True, zipped=False), {}),
    "CIFAR-10, Python": (lambda samples, folder: samples.cifar10_python(folder / "cifar-10-batches-py"), {}),
    "CIFAR-10, binary": (lambda samples, folder: samples.cifar10_binary(folder / "cifar-10-batches-bin"), {}),
    "CIFAR-100, Python": (lambda samples, folder: samples.cifar100_python(folder / "cifar-100-python"), {}),
    "CIFAR-100, binary": (lambda samples, folder: samples.cifar100_binary(folder / "cifar-100-binary"), {}),
    "npz, images": (npz("sheets", x=numbers(50, 3, 16, 20), y=np.arange(50) % 3), {}),
    "npz, series": (npz("curves", x=numbers(30, 2, 40), y=numbers(30)), {}),
    "npz, labels": (npz("tags", x=numbers(30, 25), y=np.random.default_rng(2).integers(0, 2, (30, 4))), {}),
    "npz, given splits": (
        npz(
            "given",
            x_train=numbers(20, 5),
            y_train=np.arange(20) % 2,
            x_val=numbers(8, 5),
            y_val=np.arange(8) % 2,
            x_test=numbers(6, 5),
            y_test=np.arange(6) % 2,
            layout="flat",
        ),
        {},
    ),
    "CSV, classes": (lambda samples, folder: samples.table(folder / "ores.csv"), {"target": "kind", "drop": ["yield"]}),
    "CSV, amounts": (lambda samples, folder: samples.table(folder / "ores.csv"), {"target": "yield", "drop": ["kind"]}),
    "image folder": (lambda samples, folder: samples.image_folder(folder / "insects"), {}),
    "arrays": (lambda samples, folder: Arrays(x=numbers(40, 1, 30), y=numbers(40, 2), name="mine"), {}),
}
TEXTS = {
    "text, characters": (lambda samples, folder: samples.text(folder / "letters.txt"), {"window": 20}),
    "text, words": (lambda samples, folder: samples.text(folder / "letters.txt"), {"level": "word", "window": 5}),
    "Penn Treebank": (lambda samples, folder: samples.penn_treebank(folder / "ptb"), {"window": 5}),
}


@pytest.fixture(scope="module", params=[*LOADERS, *TEXTS])
def case(request, samples, tmp_path_factory):
    """A source, the options it is loaded with, and the result."""
    return loaded(request.param, samples, tmp_path_factory)


@pytest.fixture(scope="module", params=LOADERS)
def table(request, samples, tmp_path_factory):
    """A case of numbers with targets."""
    return loaded(request.param, samples, tmp_path_factory)


def loaded(name, samples, tmp_path_factory):
    write, options = (LOADERS | TEXTS)[name]
    folder = tmp_path_factory.mktemp("source")
    source, options = write(samples, folder), dict(options)
    for column in options.pop("drop", []):
        without_column(source, column)
    return source, options, load_problem(source, **options)


def without_column(file: Path, name: str) -> None:
    rows = [line.split(",") for line in file.read_text().splitlines()]
    place = rows[0].index(name)
    file.write_text("".join(",".join(row[:place] + row[place + 1 :]) + "\n" for row in rows))


def opened(data, folder):
    return data.test.open("test", folder / "log.jsonl")


def test_splits_are_disjoint_and_complete(case, tmp_path):
    _, _, data = case
    splits = [data.train, data.val, opened(data, tmp_path)]
    assert [len(split) for split in splits] == [data.problem.n_train, data.problem.n_val, data.problem.n_test]
    assert len(data.test) == data.problem.n_test
    rows = np.concatenate([split.index for split in splits])
    assert np.array_equal(np.sort(rows), np.arange(len(rows)))
    assert all(len(split.x) == len(split.y) == len(split.index) > 0 for split in splits)


def test_shapes_and_types_match_the_problem(case, tmp_path):
    _, _, data = case
    problem = data.problem
    for split in (data.train, data.val, opened(data, tmp_path)):
        assert split.x.shape[1:] == problem.input_shape
        assert split.x.dtype in ((np.int64,) if problem.level else (np.uint8, np.float32))
        if problem.level:
            assert (split.y.dtype, split.y.shape) == (np.int64, split.x.shape)
            assert 0 <= min(split.x.min(), split.y.min()) <= max(split.x.max(), split.y.max()) < problem.outputs
        elif problem.task == "classification":
            assert split.y.dtype == np.int64
            assert split.y.shape == split.index.shape
            assert split.y.min() >= 0
            assert split.y.max() < problem.outputs
        else:
            assert split.y.dtype == np.float32
            assert split.y.shape == (len(split), problem.outputs)
    assert len(problem.names) == problem.outputs
    assert len(problem.inputs) in (0, problem.input_shape[0])


def test_rows_keep_their_targets_and_inputs(table, tmp_path):
    """Each row of each split is the row of the source at its index."""
    source, options, data = table
    raw = read_source(source, (options["target"],) if "target" in options else ())
    x, _ = load_inputs(source, data.problem)
    for split in (data.train, data.val, opened(data, tmp_path)):
        assert np.array_equal(split.x, x[split.index])
        targets = raw.y[split.index]
        if data.problem.task == "classification":
            names = np.array(data.problem.names)[split.y]
            known = np.array(raw.class_names)[targets] if raw.class_names else targets.astype(str)
            assert np.array_equal(names, known)
        else:
            assert np.allclose(split.y, targets.reshape(split.y.shape))


def test_every_class_is_in_every_split(case, tmp_path):
    _, _, data = case
    classes = set(range(data.problem.outputs)) if data.problem.task == "classification" else set()
    for split in (data.train, data.val, opened(data, tmp_path)):
        assert classes <= set(split.y.flat)


def test_loading_again_gives_the_same(case):
    source, options, data = case
    again = load_problem(source, **options)
    assert again.problem == data.problem
    assert again.preprocessing == data.preprocessing
    assert np.array_equal(again.train.index, data.train.index)
    assert np.array_equal(again.val.index, data.val.index)


def test_another_seed_splits_differently_and_keeps_the_hash(case):
    source, options, data = case
    other = load_problem(source, **options, seed=1)
    assert other.problem.data_hash == data.problem.data_hash
    given = (isinstance(source, Path) and source.name == "given.npz") or data.problem.level is not None
    assert np.array_equal(other.val.index, data.val.index) == given


def test_round_trip_through_the_store(case, tmp_path):
    _, _, data = case
    folder = save_problem(data, tmp_path / "data")
    stored = open_problem(folder)
    assert stored.problem == data.problem
    assert stored.preprocessing == data.preprocessing
    assert stored.notes == data.notes
    pairs = [(stored.train, data.train), (stored.val, data.val), (opened(stored, tmp_path), opened(data, tmp_path))]
    for one, two in pairs:
        for name in ("x", "y", "index"):
            assert getattr(one, name).dtype == getattr(two, name).dtype
            assert np.array_equal(getattr(one, name), getattr(two, name))


def test_normalisation_is_learned_on_the_training_split(table):
    _, _, data = table
    x = data.train.x.astype(np.float64)
    axes = (0, *range(2, x.ndim))
    assert np.allclose(data.preprocessing.input_mean, x.mean(axis=axes), rtol=1e-9)
    std = x.std(axis=axes)
    assert np.allclose(data.preprocessing.input_std, np.where(std < 1e-12, 1, std), rtol=1e-6)


def test_normalisation_does_not_depend_on_the_other_splits(table, tmp_path):
    """Other values in validation and test do not change it; other values in training do."""
    source, options, data = table
    raw = read_source(source, (options["target"],) if "target" in options else ())
    others = np.concatenate([data.val.index, opened(data, tmp_path).index])
    assert reloaded(raw, others, data).preprocessing == data.preprocessing
    assert reloaded(raw, data.train.index, data).preprocessing.input_mean != data.preprocessing.input_mean


def reloaded(raw, rows, data):
    """The problem of the same rows, with changed inputs in `rows`, via `Arrays`."""
    x = raw.x.copy()
    x[rows] = x[rows] // 2 + 1
    parts = {"": slice(None)}
    if raw.sizes is not None:
        edges = np.cumsum([0, *raw.sizes])
        parts = {f"_{part}": slice(edges[i], edges[i + 1]) for i, part in enumerate(("train", "val", "test")) if raw.sizes[i]}
    entries = {f"{letter}{part}": values[span] for part, span in parts.items() for letter, values in (("x", x), ("y", raw.y))}
    return load_problem(Arrays(**entries, layout=raw.layout), task=data.problem.task)


def test_problem_and_preprocessing_survive_json(case):
    _, _, data = case
    assert Problem.from_json(data.problem.to_json()) == data.problem
    assert Preprocessing.from_json(data.preprocessing.to_json()) == data.preprocessing


def test_opening_the_test_split_is_logged(case, tmp_path):
    _, _, data = case
    log = tmp_path / "accesses.jsonl"
    assert not log.exists()
    data.test.open("final training of a", log)
    data.test.open("final training of b", log)
    assert [line.split('"reason": ')[1].split(",")[0] for line in log.read_text().splitlines()] == [
        '"final training of a"',
        '"final training of b"',
    ]
