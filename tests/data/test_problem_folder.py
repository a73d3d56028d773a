import json

import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.data.problem_folder import open_problem, save_problem
from archwright.errors import DataError, RunFolderError


def problem(offset=0.0, seed=0):
    x = np.random.default_rng(0).normal(offset, 1, (30, 1, 20))
    return load_problem(Arrays(x=x, y=np.arange(30) % 3), seed=seed)


def everything(folder):
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*")}


def test_saving_the_same_again_does_nothing(tmp_path):
    folder = save_problem(problem(), tmp_path / "run" / "data")
    before = everything(tmp_path)
    assert save_problem(problem(), folder) == folder
    assert everything(tmp_path) == before
    assert [entry.name for entry in folder.parent.iterdir()] == ["data"]


@pytest.mark.parametrize(("other", "message"), [({"offset": 1.0}, "data_hash"), ({"seed": 1}, "assignment of rows to splits")])
def test_other_data_are_refused_and_nothing_is_overwritten(other, message, tmp_path):
    folder = save_problem(problem(), tmp_path / "data")
    before = everything(tmp_path)
    with pytest.raises(RunFolderError, match=message):
        save_problem(problem(**other), folder)
    assert everything(tmp_path) == before


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("42")
    with pytest.raises(RunFolderError, match="holds no stored problem"):
        save_problem(problem(), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError("no space left")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="no space left"):
        save_problem(problem(), tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_the_test_split_is_only_read_when_opened(tmp_path):
    folder = save_problem(problem(), tmp_path / "data")
    for file in (folder / "test").iterdir():
        file.unlink()
    stored = open_problem(folder)
    assert isinstance(stored.train.x, np.memmap)
    with pytest.raises(DataError, match="test is damaged"):
        stored.test.open("why", tmp_path / "log")


def test_a_stored_problem_can_be_stored_elsewhere(tmp_path):
    first = open_problem(save_problem(problem(), tmp_path / "a"))
    second = open_problem(save_problem(first, tmp_path / "b"))
    assert np.array_equal(second.test.open("why", tmp_path / "log").x, problem().test.open("why", tmp_path / "log").x)


def test_json_in_the_folder_is_plain(tmp_path):
    folder = save_problem(problem(), tmp_path / "data")
    text = json.loads((folder / "problem.json").read_text(), parse_constant=pytest.fail)
    assert text["problem"]["data_hash"] == problem().problem.data_hash


def test_a_damaged_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"problem\.json is missing"):
        open_problem(tmp_path)
    folder = save_problem(problem(), tmp_path / "data")
    (folder / "train" / "x.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="train is damaged"):
        open_problem(folder)
    (folder / "problem.json").write_text("{")
    with pytest.raises(DataError, match=r"problem\.json is damaged"):
        open_problem(folder)
