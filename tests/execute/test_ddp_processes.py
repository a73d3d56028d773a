"""Faults of one process among several that train together, really done."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archwright.errors import InputError
from archwright.evaluate.job import Outcome
from archwright.execute import Resources, make_executor

SUPERVISOR = """
import json, sys, time
from pathlib import Path
import torch  # once, before the processes are forked
from archwright.evaluate.job import Job
from archwright.execute.ddp_processes import DDPProcesses

folder, deeds, late = sys.argv[1:]

def wait_for_the_late(record):
    Path(folder, "passed on").touch()
    while not all(ranks._processes[int(number)].inbox.pipe.poll() for number in late):
        time.sleep(0.01)

ranks = DDPProcesses("small_jobs:obey", Job("job", "search", "", folder, 7, 1, recipe=json.loads(deeds), devices=2), b"")
print(json.dumps(ranks.outcome(wait_for_the_late).to_json()))
"""
"""Supervises two processes. While it passes an epoch on, the processes `late` say something."""


@pytest.fixture
def executor():
    """Two workers, which every job of this file takes both. Of each test's own: what one leaves behind is not the next one's."""
    with make_executor("processes", Resources(2, device="cpu"), "small_jobs:obey") as made:
        yield made


@pytest.fixture
def outcome_of(executor, job):
    """Does a job in two processes, and returns what came of it and the job."""

    def do(key, fields=None, **deeds):
        executor.submit(job(key, 7, fields={"devices": 2, **(fields or {})}, **deeds))
        ((done, outcome),) = executor.wait(60)
        return outcome, done

    return do


@pytest.fixture
def nobody_left(is_alive, pid_in, eventually):
    """Checks that both processes of a job have ended."""

    def check(job):
        pids = [pid_in(job.folder, f"pid{rank}") for rank in (0, 1)]
        eventually(lambda: not any(map(is_alive, pids)), 5)

    return check


def test_records_and_outcome_are_the_first_ones(executor, job):
    executor.submit(two := job("two", 7, fields={"devices": 2}, add=1, **{"await": "seen"}))
    while not executor.progress():
        assert not executor.wait(0.02)
    assert list(executor.progress().values()) == [{"sum": 21.0, "rank": 0, "size": 2}]
    (Path(two.folder) / "seen").touch()
    ((_, outcome),) = executor.wait(60)
    assert outcome.metrics == {"accuracy": 0.07}


def test_each_is_told_who_it_is_and_has_the_threads_of_the_job(executor, job):
    executor.submit(job("told", fields={"devices": 2, "threads": 3}, tell=1, sleep=60))
    while not executor.progress():
        assert not executor.wait(0.02)
    told = next(iter(executor.progress().values()))
    assert (told["rank"], told["threads"], told["sigint"], told["device"]) == (["0", "0", "2"], 3, True, "cpu")
    assert not told["group"]  # its supervisor's, which is ended as one


@pytest.mark.parametrize(
    ("late", "deeds", "expected"),
    [
        ("01", {"in_rank": [0, {"epochs": 1}], "await": "passed on"}, ("complete", "")),
        (
            "1",
            {"in_rank": [0, {"epochs": 1, "sleep": 600}], "await": "passed on", "raise": "late"},
            ("failed", "ArithmeticError: late"),
        ),
    ],
    ids=["both are done", "one fails"],
)
def test_what_is_said_while_an_epoch_is_passed_on_is_heard(late, deeds, expected, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), json.dumps(deeds), late]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, start_new_session=True)
    assert ended.returncode == 0, ended.stderr
    outcome = Outcome.from_json(json.loads(ended.stdout))
    assert (outcome.state, outcome.cause.partition(" (")[0]) == expected


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_killed_ends_the_other_which_waits_for_it(rank, outcome_of, nobody_left):
    """The other fails by the broken connection, which is not the cause."""
    outcome, job = outcome_of(f"killed{rank}", add=1, in_rank=[rank, {"epochs": 2, "kill": signal.SIGKILL}], add_again=1)
    assert outcome.state == "failed"
    assert outcome.cause == f"process {rank + 1} of 2 was killed by signal 9 (SIGKILL)"
    assert outcome.machine_fault
    assert len(outcome.curve) == (3 if rank == 0 else 1)
    nobody_left(job)


def test_one_that_raises_ends_the_other_which_waits_for_it(outcome_of, nobody_left):
    outcome, job = outcome_of("raised", in_rank=[1, {"await": "pid0", "raise": "two words"}], add=1)
    assert (outcome.state, outcome.machine_fault) == ("failed", False)
    assert outcome.cause.startswith("ArithmeticError: two words (")
    assert "two words" in (Path(job.folder) / "log.txt").read_text()
    nobody_left(job)


def test_one_that_exits_without_a_word_is_the_cause(outcome_of, nobody_left):
    outcome, job = outcome_of("exited", in_rank=[1, {"await": "pid0", "exit": 3}], add=1)
    assert (outcome.cause, outcome.machine_fault) == ("process 2 of 2 exited with code 3 (see log.txt)", True)
    nobody_left(job)


@pytest.mark.parametrize(
    "last", [{"fork_helper": 1, "kill": signal.SIGKILL}, {"close_files": 1, "sleep": 60}], ids=["helper", "files"]
)
def test_one_that_leaves_a_helper_or_has_closed_its_files_is_missed(last, outcome_of, nobody_left):
    """No end of a file tells of the first, for its helper holds them; and the second will never tell anything."""
    outcome, job = outcome_of("lost", in_rank=[1, {"await": "pid0", **last}], sleep=60)
    assert (outcome.cause, outcome.machine_fault) == ("process 2 of 2 was killed by signal 9 (SIGKILL)", True)
    nobody_left(job)


def test_a_hang_is_ended_with_all_processes(outcome_of, nobody_left, monkeypatch):
    monkeypatch.setattr("archwright.execute.training_process.GRACE_SECONDS", 0.0)
    outcome, job = outcome_of("hung", {"time_limit": 3.0}, in_rank=[1, {"sleep": 60}], add=1)
    assert outcome.cause.startswith("timed out after")
    nobody_left(job)


def test_the_supervisors_end_ends_them(executor, job, pid_in, nobody_left):
    submitted = job("supervised", fields={"devices": 2}, sleep=60)
    executor.submit(submitted)
    assert all(pid_in(submitted.folder, f"pid{rank}") for rank in (0, 1))
    (process,) = executor._running.values()
    process._process.kill()
    ((_, outcome),) = executor.wait(60)
    assert outcome.cause == "killed by signal 9 (SIGKILL)"
    nobody_left(submitted)


def test_memory_is_that_of_all_of_them(outcome_of, nobody_left):
    """Each takes 200 MB, which together is too much."""
    outcome, job = outcome_of("fat", {"memory_limit": 500.0}, fill=250)
    assert outcome.cause.startswith("out of memory: used")
    nobody_left(job)


def test_one_that_has_done_its_part_is_not_missed(outcome_of):
    outcome, _ = outcome_of("tail", in_rank=[0, {"sleep": 0.5}])
    assert outcome.state == "complete"


def test_too_many_devices_and_serial_say_so(executor, job):
    with pytest.raises(InputError, match="3 devices"):
        executor.submit(job("three", fields={"devices": 3}))
    with make_executor("serial") as serial, pytest.raises(InputError, match="2 devices"):
        serial.submit(job("serial", fields={"devices": 2}))
