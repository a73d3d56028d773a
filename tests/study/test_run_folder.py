import json
from dataclasses import replace
from pathlib import Path

import pytest

from archwright.data.problem import Problem
from archwright.errors import RunFolderError
from archwright.ledger.row import Row
from archwright.study import run_folder as module
from archwright.study.request import Request
from archwright.study.run_folder import Clock, RunFolder, training_key

PROBLEM = Problem("digits", "classification", (1, 8, 8), 10, n_train=100, data_hash="abc")
REQUEST = Request("digits", trials=3, space="chain")


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def row(**changes):
    return Row(**{"run_number": 7, "number": 3, "trial_id": 1, "stage": "search", "strategy": "random", **changes})


def test_a_new_folder_is_claimed_and_the_same_request_continues_it(folder):
    folder.check(REQUEST, PROBLEM)
    assert not folder.path.exists()
    folder.claim(REQUEST, PROBLEM)
    folder.check(REQUEST, PROBLEM)
    asked = folder.asked
    folder.claim(REQUEST, PROBLEM)
    assert folder.asked == asked
    assert (asked["trials"], asked["data_hash"]) == (3, "abc")


def test_the_run_has_a_unique_name_in_the_ledger(tmp_path):
    first, second = RunFolder(tmp_path / "a" / "run"), RunFolder(tmp_path / "b" / "run")
    for folder in (first, second):
        folder.claim(REQUEST, PROBLEM)
    assert first.asked["name"].startswith("run-")
    assert first.asked["name"] != second.asked["name"]
    moved = RunFolder(first.path.rename(tmp_path / "moved"))
    moved.claim(REQUEST, PROBLEM)
    assert moved.asked["name"].startswith("run-")


@pytest.mark.parametrize(
    "changes", [{"trials": 9}, {"workers": 2}, {"executor": "serial"}, {"out": Path("elsewhere")}], ids=lambda c: next(iter(c))
)
def test_a_run_continues_with_other_values_of_extendable_fields(folder, changes):
    folder.claim(REQUEST, PROBLEM)
    changed = replace(REQUEST, **changes)
    folder.check(changed, PROBLEM)
    folder.extend(changed)
    folder.check(changed, PROBLEM)
    assert folder.asked["trials"] == changed.trials


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trials": 2}, "was run with 3 trials, which is more than the 2 requested now: give at least 3"),
        ({"trials": None, "minutes": 5.0}, "holds a run limited by trials: continue it with --trials"),
        ({"source": "mnist"}, "source was 'digits' and is now 'mnist'"),
        ({"space": "cell"}, "space was 'chain' and is now 'cell'"),
        ({"strategies": ("random",)}, "strategies was"),
        ({"baselines": ()}, "baselines was"),
        ({"epochs": 2}, "epochs was None and is now 2"),
        ({"seeds": 2, "seed": 1}, "seeds was 3 and is now 2; seed was 0 and is now 1"),
        ({"settings": {"space.width": "8"}}, "settings was {}"),
        ({"random": False}, "random was True"),
        ({"storage": "journal:x"}, "storage was None"),
        ({"objectives": ("accuracy", "macs")}, "objectives was"),
    ],
)
def test_any_other_change_is_an_error_and_nothing_is_overwritten(folder, changes, told):
    folder.claim(REQUEST, PROBLEM)
    before = (folder.path / module.ASKED).read_bytes()
    with pytest.raises(RunFolderError, match=r"--out|continue it|give at least") as error:
        folder.check(replace(REQUEST, **changes), PROBLEM)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert (folder.path / module.ASKED).read_bytes() == before


def test_other_data_under_the_same_name_are_an_error(folder):
    folder.claim(REQUEST, PROBLEM)
    with pytest.raises(RunFolderError, match=r"belongs to other data \(digits\): give another folder with --out"):
        folder.check(REQUEST, replace(PROBLEM, data_hash="other"))


def test_a_folder_with_other_content_is_an_error(folder):
    folder.path.mkdir()
    (folder.path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="not empty and holds no run"):
        folder.check(REQUEST, PROBLEM)


def test_a_start_killed_before_it_claimed_the_folder_does_no_harm(folder):
    folder.path.mkdir()
    (folder.path / ".run.json.17.part").write_text("{")
    folder.check(REQUEST, PROBLEM)


def test_a_damaged_request_file_is_reported(folder):
    folder.claim(REQUEST, PROBLEM)
    (folder.path / module.ASKED).write_text('{"source"')
    with pytest.raises(RunFolderError, match=r"run\.json cannot be read"):
        folder.check(REQUEST, PROBLEM)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "00007-search-random"),
        ({"strategy": "optuna:tpe"}, "00007-search-optuna_tpe"),
        ({"strategy": "../../mine:Own"}, "00007-search-_mine_Own"),
        ({"stage": "baseline", "strategy": "", "baseline": "resnet-tiny"}, "00007-baseline-resnet_tiny"),
        ({"run_number": 123456}, "123456-search-random"),
    ],
)
def test_each_training_has_its_own_folder_inside_the_run(folder, changes, name):
    assert training_key(row(**changes)) == name
    assert folder.training_of(row(**changes)).parent == folder.path / "trainings"


class Seconds:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_clock_continues_after_a_restart(tmp_path, monkeypatch):
    seconds = Seconds()
    monkeypatch.setattr(module.time, "monotonic", seconds)
    clock = Clock(tmp_path / "clock.json")
    seconds.now += 1.0
    clock.save()
    assert not (tmp_path / "clock.json").exists()
    seconds.now += 4.0
    clock.save()
    assert json.loads((tmp_path / "clock.json").read_text()) == {"seconds": 5.0}
    seconds.now += 1.5
    assert clock.seconds == 6.5
    seconds.now = 3.0  # another start, on a machine that was booted anew
    again = Clock(tmp_path / "clock.json")
    seconds.now += 2.0
    assert again.seconds == 7.0
