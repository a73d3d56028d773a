"""The executor `mpi` under a real `mpiexec` with three ranks: its contract, a search, and what happens when ranks die."""

import csv
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mpi4py")
MPIEXEC = Path(sys.executable).with_name("mpiexec")
if not MPIEXEC.exists():
    pytest.skip("no mpiexec beside this Python", allow_module_level=True)

HERE = Path(__file__).parent
MARK = "ARCHWRIGHT_TEST_OF_MPI"


class Launched:
    """Three ranks that run one command, marked by an environment variable that all their child processes inherit."""

    def __init__(self, words, folder):
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        name, _, value = self.mark.partition("=")
        environment = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])), name: value}
        self.process = subprocess.Popen(
            [MPIEXEC, "-n", "3", sys.executable, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, seconds=110):
        """Wait for the end: (exit code, stdout, stderr)."""
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, output, errors

    def until(self, condition, eventually, seconds=60.0):
        """Wait until the condition holds."""

        def holds():
            assert self.process.poll() is None, self.end()
            return condition()

        eventually(holds, seconds)

    def children(self):
        """The processes that it started and that are still alive: {process id: environment}."""
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return {pid: variables for pid in pids if self.mark in (variables := variables_of(pid))}

    def rank(self, number):
        return next(pid for pid, variables in self.children().items() if f"PMI_RANK={number}" in variables)


def variables_of(pid):
    """The environment that a process was started with; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_text().split("\0")
    except OSError:
        return []


@pytest.fixture
def launch(tmp_path):
    started = []

    def run(*words):
        started.append(Launched(words, tmp_path))
        return started[-1]

    yield run
    for launched in started:
        launched.process.kill()
        launched.process.communicate()
        for pid in launched.children():
            os.kill(pid, signal.SIGKILL)


def test_the_contract_and_the_promises_of_mpi_hold_on_real_ranks(launch, tmp_path):
    suites = [str(HERE.parent / "test_contract.py"), str(HERE / "checks.py")]
    launched = launch(str(HERE / "under_mpi.py"), *suites, "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}")
    code, output, errors = launched.end()
    assert (code, errors) == (0, ""), output + errors
    assert not launched.children()


def test_a_usage_error_ends_all_ranks_and_is_printed_once(launch):
    code, output, errors = launch("-m", "archwright.cli", "search", "digits", "--trials", "0", "--executor", "mpi").end()
    assert (code, output, errors) == (2, "", "archwright: trials is 0: give a number above zero\n")


def test_a_single_rank_is_told_to_use_mpiexec():
    words = [sys.executable, "-m", "archwright.cli", "search", "digits", "--executor", "mpi"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "start it with mpiexec -n 3 archwright search ... --executor mpi" in ended.stderr


def table(folder):
    with (folder / "candidates.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.timeout(400)  # two starts of three interpreters, slow on a busy machine
def test_a_killed_rank_ends_the_job_and_the_same_command_resumes(launch, tmp_path, eventually):
    run, data = tmp_path / "run", tmp_path / "noise.npz"
    np.savez(data, x=np.random.default_rng(0).normal(size=(120, 1, 8, 8)).astype(np.float32), y=np.arange(120) % 3)
    words = ["-m", "archwright.cli", "search", str(data), "--executor", "mpi", "--out", str(run), "--no-random"]
    words += ["--trials", "4", "--epochs", "20", "--seeds", "1", "--baselines", "", "--set", "space.width=4"]
    first = launch(*words)
    first.until(lambda: all(list(run.glob(f"trainings/*/{file}")) for file in ("result.json", "checkpoint.pt")), eventually, 120)
    os.kill(first.rank(1), signal.SIGKILL)
    assert first.end()[0] != 0
    eventually(lambda: not first.children(), 10)
    results = {file: file.stat().st_mtime_ns for file in run.glob("trainings/*/result.json")}

    code, output, errors = launch(*words).end(200)
    assert code == 0, errors
    assert output.count("report:") == 1
    rows = table(run)
    assert [(row["stage"], row["state"]) for row in rows] == [("search", "complete")] * 4 + [("final", "complete")]
    assert {row["worker"].rpartition("/")[2] for row in rows} == {"1", "2"}
    assert {file: file.stat().st_mtime_ns for file in results} == results
    assert json.loads((run / "results.json").read_text())["settings"]["workers"] == 2


@pytest.fixture
def holding(launch, tmp_path, eventually):
    """Two running trainings, one of which has a child process."""
    launched = launch(str(HERE / "holding.py"), str(tmp_path))
    launched.until(lambda: all((tmp_path / file).is_file() for file in ("hold/pid", "helper/helper")), eventually)
    return launched


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_mpiexec_ends_the_job_cleanly_with_all_trainings(number, expected, holding):
    holding.process.send_signal(number)
    assert holding.end()[0] == expected
    assert not holding.children()


def test_no_process_outlives_rank_0(holding, eventually):
    assert len(holding.children()) > 6
    os.kill(holding.rank(0), signal.SIGKILL)
    assert holding.end()[0] != 0
    eventually(lambda: not holding.children(), 10)
