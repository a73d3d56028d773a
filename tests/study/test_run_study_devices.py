"""A complete run whose supernet, final trainings and baselines each use two processes, with and without kills."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import archwright
from archwright.errors import InputError
from archwright.execute.process_memory import children
from archwright.execute.training_process import TrainingProcess
from archwright.export.onnx_model import ExportError
from archwright.ledger.json_file import read_json
from archwright.ledger.ledger import Ledger
from archwright.study.run_folder import RunFolder

OPTIONS = {
    "space": "nasbench201",
    "strategy": "darts",
    "trials": 1,
    "epochs": 2,
    "seeds": 1,
    "baselines": ("resnet-tiny", "random_forest"),
    "settings": {"space.repeats": 1, "space.filters": 4},
    "random": False,
    "workers": 2,
    "devices": 2,
    "executor": "processes",
}
WORDS = [
    *("--space", "nasbench201", "--strategy", "darts", "--trials", "1", "--epochs", "2", "--seeds", "1"),
    *("--baselines", "resnet-tiny,random_forest", "--set", "space.repeats=1", "--set", "space.filters=4", "--no-random"),
    *("--workers", "2", "--devices", "2"),
]
START = """
from archwright.execute import capacity
capacity.threads_per_worker = lambda workers: 1
from archwright.cli import main
main()
"""


@pytest.fixture(scope="module")
def run(small_run, made_once):
    """Runs the command in a folder, with one thread per process and without export."""

    def refuse(*_):
        raise ExportError("not in this test")

    def do(folder, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("archwright.export.model_folder.export_onnx", refuse)
            patch.setattr("archwright.execute.capacity.threads_per_worker", lambda workers: 1)
            archwright.search(small_run.source, out=folder, **{**OPTIONS, **options})

    return do


@pytest.fixture(scope="module")
def whole(run, made_once):
    return made_once("devices", lambda folder: run(folder / "run")) / "run"


def rows_of(folder):
    with Ledger.open(None, folder, RunFolder(folder).asked["name"], coordinate=False) as ledger:
        return ledger.rows()


def as_score(folder):
    """The result of each training, without its costs."""
    curves = [row.outcome.curve for row in rows_of(folder)]
    timeless = [[{**record, "seconds": 0.0} for record in curve] for curve in curves]
    return timeless, [(row.outcome.metrics, row.outcome.test) for row in rows_of(folder)]


def test_the_long_trainings_take_two_processes_and_the_others_one(whole):
    devices = {(row.stage, row.baseline): row.outcome.devices for row in rows_of(whole)}
    assert devices == {
        ("supernet", None): 2,
        ("search", None): 1,
        ("final", None): 2,
        ("baseline", "resnet-tiny"): 2,
        ("baseline", "random_forest"): 1,
    }
    assert all(row.state == "complete" for row in rows_of(whole))
    assert read_json(whole / "results.json")["settings"]["devices"] == 2
    assert read_json(whole / "results.json")["test_accesses"] == 3
    assert (whole / "model" / "weights.safetensors").is_file()


def test_a_killed_process_costs_one_more_attempt_and_nothing_else(whole, run, tmp_path, monkeypatch, is_alive):
    shot = []
    look = TrainingProcess.look

    def shoot(process):
        if "final" in process.job.key and process.records and not shot:
            shot.extend(children(process.pid))
            os.kill(shot[1], signal.SIGKILL)
        return look(process)

    monkeypatch.setattr(TrainingProcess, "look", shoot)
    run(tmp_path / "run")
    assert len(shot) == 2
    assert not any(map(is_alive, shot))
    assert [row.attempts for row in rows_of(tmp_path / "run") if row.stage == "final"] == [2]
    assert as_score(tmp_path / "run") == as_score(whole)


def test_kill_9_of_the_command_in_a_final_training(small_run, whole, run, tmp_path, is_alive):
    """The same command resumes from the last epoch with the same results; no process outlives its coordinator."""
    folder = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(Path(archwright.__file__).parents[1])}
    command = [sys.executable, "-c", START, "search", small_run.source, *WORDS, "--out", str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until = time.monotonic() + 60
        while not any(folder.glob("trainings/*-final-*/checkpoint.pt")):
            assert process.poll() is None, process.stdout.read().decode()
            assert time.monotonic() < until
            time.sleep(0.001)
        family = [pid for child in children(process.pid) for pid in (child, *children(child))]
        family += [pid for child in family for pid in children(child)]
        process.kill()
    until = time.monotonic() + 5
    while any(map(is_alive, family)):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert not (folder / "results.json").exists()
    run(folder)
    assert as_score(folder) == as_score(whole)
    assert json.loads((folder / "results.json").read_text())["test_accesses"] in (3, 4)


def test_more_devices_than_workers_are_an_error_before_anything_is_written(small_run, run, tmp_path):
    with pytest.raises(InputError, match="2 devices takes as many workers, and this run has 1"):
        run(tmp_path / "run", workers=1)
    with pytest.raises(InputError, match="'serial' trains in one process, not on 2 devices"):
        run(tmp_path / "run", executor="serial", workers=None)
    assert not (tmp_path / "run").exists()
