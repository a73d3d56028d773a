"""Faults of one process among several that train together, really done."""

import signal
import time
from pathlib import Path

import pytest

from archwright.errors import InputError
from archwright.execute import Resources, make_executor


@pytest.fixture(scope="module")
def executor():
    """Two workers, which every job of this file takes both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
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
    executor.submit(job("two", 7, fields={"devices": 2}, add=1, sleep=0.3))
    records = []
    while not (done := executor.wait(0.02)):
        records += executor.progress().values()
    assert done[0][1].metrics == {"accuracy": 0.07}
    assert records[-1] == {"sum": 21.0, "rank": 0, "size": 2}


def test_each_is_told_who_it_is_and_has_the_threads_of_the_job(executor, job):
    executor.submit(job("told", fields={"devices": 2, "threads": 3}, tell=1, sleep=0.2))
    while not executor.progress():
        assert not executor.wait(0.02)
    told = next(iter(executor.progress().values()))
    assert (told["rank"], told["threads"], told["sigint"], told["device"]) == (["0", "0", "2"], 3, True, "cpu")
    assert not told["group"]  # its supervisor's, which is ended as one
    executor.wait(60)


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
    outcome, job = outcome_of("raised", in_rank=[1, {"raise": "two words"}], add=1)
    assert (outcome.state, outcome.machine_fault) == ("failed", False)
    assert outcome.cause.startswith("ArithmeticError: two words (")
    assert "two words" in (Path(job.folder) / "log.txt").read_text()
    nobody_left(job)


def test_one_that_exits_without_a_word_is_the_cause(outcome_of, nobody_left):
    outcome, job = outcome_of("exited", in_rank=[1, {"exit": 3}], add=1)
    assert (outcome.cause, outcome.machine_fault) == ("process 2 of 2 exited with code 3 (see log.txt)", True)
    nobody_left(job)


def test_a_hang_is_ended_with_all_processes(outcome_of, nobody_left, monkeypatch):
    monkeypatch.setattr("archwright.execute.training_process.GRACE_SECONDS", 0.0)
    outcome, job = outcome_of("hung", {"time_limit": 1.0}, in_rank=[1, {"sleep": 60}], add=1)
    assert outcome.cause.startswith("timed out after")
    nobody_left(job)


def test_the_supervisors_end_ends_them(executor, job, nobody_left):
    submitted = job("supervised", fields={"devices": 2}, sleep=60)
    executor.submit(submitted)
    time.sleep(0.5)
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
