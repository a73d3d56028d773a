"""The contract of candidates.csv."""

import csv
import json
import os
import time
from dataclasses import replace

import pandas
import pytest

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Outcome
from archwright.ledger.row import Row
from archwright.study.candidates_table import WRITING_SHARE, CandidatesTable

ANSWERS = {"op": "conv, or not", "depth": 2, "skip": None, "wide": True}
OUTCOME = Outcome(
    "complete",
    metrics={"accuracy": 0.875, "loss": 0.25},
    parameters=1000,
    macs=2_000_000,
    peak_memory_mb=80.5,
    seconds=1.5,
    epochs=3.0,
    worker="host:7",
)
COLUMNS = [
    *("number", "state", "cause", "stage", "strategy", "architecture", "key", "parent"),
    *("val_accuracy", "val_loss"),
    *("parameters", "macs", "peak_memory_mb", "seconds", "epochs", "seed", "worker", "continues"),
]


def row_of(number, **more):
    architecture = Architecture("chain", {"stages": 2}, ANSWERS)
    settings = {"stage": "search", "strategy": "random", "architecture": architecture, "key": f"key{number}", "seed": 11}
    return Row(run_number=number, number=more.pop("within", number), trial_id=number, **{**settings, **more})


def complete(row, outcome=OUTCOME):
    return replace(row, state="complete", outcome=outcome, sequence=row.number, scores=(0.875,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "candidates.csv"


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_match_the_contract_even_without_rows(path):
    CandidatesTable(path, "accuracy").write([])
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_a_complete_row(path):
    CandidatesTable(path, "accuracy").write([complete(row_of(0))])
    (line,) = read(path)
    assert json.loads(line.pop("architecture")) == ANSWERS
    assert line == {
        "number": "0",
        "state": "complete",
        "cause": "",
        "stage": "search",
        "strategy": "random",
        "key": "key0",
        "parent": "",
        "val_accuracy": "0.875",
        "val_loss": "0.25",
        "parameters": "1000",
        "macs": "2000000",
        "peak_memory_mb": "80.5",
        "seconds": "1.5",
        "epochs": "3.0",
        "seed": "11",
        "worker": "host:7",
        "continues": "",
    }


def test_unknown_fields_are_empty(path):
    CandidatesTable(path, "accuracy").write([row_of(0, epochs=5.0)])
    (line,) = read(path)
    assert line["state"] == "running"
    assert {line[name] for name in ("val_accuracy", "parameters", "seconds", "epochs", "worker")} == {""}


def test_parents_are_given_by_their_numbers_in_the_run(path):
    rows = [
        complete(row_of(0, strategy="random", within=0)),
        complete(row_of(1, strategy="evolution", within=0)),
        row_of(2, strategy="evolution", within=1, parent=0),
        row_of(3, strategy="evolution", stage="final", within=0, parent=1),
    ]
    CandidatesTable(path, "accuracy").write(rows)
    assert [line["parent"] for line in read(path)] == ["", "", "1", "2"]


def test_a_baseline_has_no_architecture(path):
    row = row_of(0, stage="baseline", strategy="resnet18", baseline="resnet18", architecture=None)
    CandidatesTable(path, "accuracy").write([replace(row, state="failed", cause='out of memory:\n2 GB, "all"')])
    (line,) = read(path)
    assert line["architecture"] == ""
    assert line["strategy"] == "resnet18"
    assert line["cause"] == 'out of memory: 2 GB, "all"'
    assert len(path.read_text().splitlines()) == 2


def test_rows_that_are_not_candidates_are_left_out(path):
    """Trainings of supernets take numbers of the run, but have no line."""
    supernet = row_of(0, stage="supernet", strategy="darts", architecture=None, key="supernet")
    found = complete(supernet, replace(OUTCOME, metrics={"accuracy": 0.5, "other": 1.0}))
    CandidatesTable(path, "accuracy").write([found, complete(row_of(1)), row_of(2, stage="shared_scores", architecture=None)])
    assert [(line["number"], line["stage"]) for line in read(path)] == [("1", "search")]
    assert list(read(path)[0]) == COLUMNS


def test_every_metric_seen_has_a_column(path):
    table = CandidatesTable(path, "r2")
    first = complete(row_of(0), replace(OUTCOME, metrics={"r2": 0.5, "loss": 1.0}))
    table.write([first])
    assert [name for name in read(path)[0] if name.startswith("val_")] == ["val_r2", "val_loss"]
    table.write([first, complete(row_of(1), replace(OUTCOME, metrics={"rmse": 3.0, "r2": None}))])
    lines = read(path)
    assert [name for name in lines[0] if name.startswith("val_")] == ["val_r2", "val_loss", "val_rmse"]
    assert [(line["val_r2"], line["val_rmse"]) for line in lines] == [("0.5", ""), ("", "3.0")]


def test_a_running_row_is_rewritten_when_it_is_finished(path):
    table = CandidatesTable(path, "accuracy")
    rows = [row_of(0), row_of(1)]
    table.write(rows)
    table.write([complete(rows[0]), rows[1]])
    assert [line["state"] for line in read(path)] == ["complete", "running"]


def test_a_table_with_cached_lines_writes_the_same_as_a_new_table(path, tmp_path):
    rows = [complete(row_of(number)) for number in range(20)]
    table = CandidatesTable(path, "accuracy")
    for count in range(21):
        table.write(rows[:count])
    CandidatesTable(tmp_path / "anew.csv", "accuracy").write(rows)
    assert path.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def test_the_table_is_replaced_atomically(path, monkeypatch):
    """A reader sees the old or the new file, even after a kill while it is written."""
    CandidatesTable(path, "accuracy").write([row_of(0)])
    before = path.read_bytes()
    seen = []
    replace_file = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(path.read_bytes()), replace_file(a, b)))
    CandidatesTable(path, "accuracy").write([row_of(0), row_of(1)])
    assert seen == [before]
    assert len(read(path)) == 2
    assert os.listdir(path.parent) == ["candidates.csv"]


def test_pandas_reads_it(path):
    CandidatesTable(path, "accuracy").write([complete(row_of(number)) for number in range(3)])
    table = pandas.read_csv(path)
    assert list(table.columns) == COLUMNS
    assert table.val_accuracy.tolist() == [0.875] * 3
    assert json.loads(table.architecture[2]) == ANSWERS


def test_ten_thousand_rows_are_written_quickly(path):
    """Each result rewrites the table. Measured in process time, because other tests run at the same time."""
    rows = [complete(row_of(number)) for number in range(10_000)]
    table = CandidatesTable(path, "accuracy")
    table.write(rows[:-1])
    before = time.process_time()
    table.write(rows)
    assert time.process_time() - before < 0.25


def test_a_table_is_due_when_writing_it_takes_a_small_share_of_the_time(path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "fsync", lambda file: now.__setitem__(0, now[0] + 2.0))  # writing takes two seconds
    table = CandidatesTable(path, "accuracy")
    assert not table.is_due
    table.is_behind = True
    assert table.is_due
    table.write([row_of(0)])
    assert not table.is_due
    table.is_behind = True
    assert not table.is_due
    now[0] += 2.0 / WRITING_SHARE
    assert table.is_due
