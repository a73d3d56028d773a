from __future__ import annotations

import pytest

from archwright.benchmark.benchmark_folder import BenchmarkFolder
from archwright.benchmark.tabular_search import Query, SimulatedSearch
from archwright.errors import RunFolderError
from archwright.study.time_plan import Skipped

FIXED = {"benchmark": "toy", "queries": 3, "strategies": ["random"]}
SEARCH = SimulatedSearch((Query(0, 50.0, 40.0, 1.5), Query(2, 60.0, 41.0, None)), 4, 0.25, 0.125)


@pytest.fixture
def folder(tmp_path):
    folder = BenchmarkFolder(tmp_path / "out")
    folder.check(FIXED)
    folder.claim(FIXED)
    return folder


def test_searches_are_read_back_unchanged(folder):
    assert folder.searches("optuna:tpe") == {}
    folder.add("optuna:tpe", 3, SEARCH)
    folder.add("optuna:tpe", 0, SEARCH)
    folder.add("optuna_tpe", 1, SEARCH)
    assert folder.searches("optuna:tpe") == {3: SEARCH, 0: SEARCH}


def test_a_line_that_was_cut_off_loses_only_that_search(folder):
    folder.add("random", 0, SEARCH)
    folder.add("random", 1, SEARCH)
    (file,) = (folder.path / "searches").iterdir()
    file.write_text(file.read_text()[:-20])
    assert set(folder.searches("random")) == {0}
    folder.add("random", 1, SEARCH)
    assert folder.searches("random") == {0: SEARCH, 1: SEARCH}


def test_the_same_request_continues_and_another_is_refused(folder):
    folder.check(dict(FIXED))
    with pytest.raises(RunFolderError, match=r"with other options \(queries was 3 and is now 4\): give another folder"):
        folder.check({**FIXED, "queries": 4})


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="is not empty and holds no benchmark"):
        BenchmarkFolder(tmp_path).check(FIXED)


def test_the_strategies_that_take_part_are_recorded_once(folder):
    assert folder.chosen is None
    folder.choose(["random"], [Skipped("slow", "a reason")])
    assert folder.chosen == (["random"], [Skipped("slow", "a reason")])
    folder.check(FIXED)
