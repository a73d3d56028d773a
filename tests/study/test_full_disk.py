"""A disk that is really full: a small file system in memory, filled up. Needs the right to mount one."""

import csv

import pytest

import archwright

pytestmark = pytest.mark.usefixtures("one_thread_each", "without_onnx")

QUICK = {"trials": 2, "epochs": 1, "seeds": 1, "baselines": (), "random": False, "strategy": "random", "executor": "serial"}


def search(small_run, out, **changes):
    return archwright.search(small_run.source, out=out, **{**small_run.options, **QUICK, **changes})


def table(folder):
    with (folder / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_full_disk_ends_a_run_with_a_sentence_and_the_same_command_goes_on_once_there_is_room(small_run, small_disk):
    out = small_disk.path / "run"
    search(small_run, out)
    before = table(out)
    small_disk.fill(kilobytes_left=0)
    with pytest.raises((archwright.InputError, OSError), match=r"disk .* is full|No space left"):
        search(small_run, out, trials=6)
    small_disk.make_room()
    search(small_run, out, trials=6)
    rows = table(out)
    assert [row for row in rows if row in before] == before
    assert sum(row["stage"] == "search" and row["state"] == "complete" for row in rows) == 6


def test_a_ledger_that_finds_no_room_says_so(small_disk):
    from archwright.ledger.ledger import Ledger

    with Ledger.open(None, small_disk.path) as ledger:
        small_disk.fill(kilobytes_left=0)
        with pytest.raises(archwright.InputError, match=r"disk of the run's ledger is full \(.*full\): free some space"):
            ledger.set_setting("large", "x" * 2000)
        small_disk.make_room()
        ledger.set_setting("small", 1)
        assert ledger.setting("small") == 1
