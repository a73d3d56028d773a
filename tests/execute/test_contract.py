"""What every executor promises. A new one joins by a line in EXECUTORS; `mpi` is met in ranks, by mpi/test_executor.py."""

import os
import time
from pathlib import Path

import pytest

from archwright.errors import InputError, UnknownName
from archwright.execute import Resources, executor_names, make_executor

EXECUTORS = {"serial": 1, "processes": 2, "ray": 2, "mpi": 2}  # name: workers


@pytest.fixture(params=[name for name in EXECUTORS if (name == "mpi") == ("UNDER_MPI" in os.environ)])
def name(request):
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    return request.param


@pytest.fixture
def executor(name):
    with make_executor(name, Resources(EXECUTORS[name], device="cpu"), "small_jobs:obey") as made:
        yield made


def everything_from(executor):
    done = []
    while more := executor.wait(60):
        done += more
    return done


def test_every_executor_is_here():
    assert set(executor_names()) == set(EXECUTORS)


def test_workers_are_those_asked_for(executor, name):
    assert executor.workers == EXECUTORS[name]


def test_each_job_comes_back_once_with_its_own_outcome(executor, job):
    jobs = [job(f"j{seed}", seed) for seed in range(12)]
    for each in jobs:
        executor.submit(each)
    done = everything_from(executor)
    assert sorted(j.key for j, _ in done) == sorted(j.key for j in jobs)
    assert all(outcome.metrics == {"accuracy": j.seed / 100} for j, outcome in done)
    assert all(outcome.state == "complete" and outcome.worker for _, outcome in done)


def test_a_job_on_two_devices_is_done_by_two_processes_or_refused(executor, job):
    two = job("two", 7, fields={"devices": 2}, add=1)
    try:
        executor.submit(two)
    except InputError as error:
        assert "2 devices" in str(error)  # noqa: PT017 - either is right
        return
    ((given, outcome),) = everything_from(executor)
    assert (given, outcome.state, outcome.metrics) == (two, "complete", {"accuracy": 0.07})
    assert all((Path(two.folder) / f"pid{rank}").is_file() for rank in (0, 1))


def test_jobs_come_back_as_they_were_given(executor, job):
    given = job("same")
    executor.submit(given)
    assert everything_from(executor)[0][0] == given


def test_an_exception_is_a_failure_with_its_cause_and_the_next_job_runs(executor, job):
    broken = job("broken", **{"raise": "two words"})
    executor.submit(broken)
    executor.submit(job("sound"))
    outcomes = {j.key: outcome for j, outcome in everything_from(executor)}
    assert outcomes["broken"].state == "failed"
    assert outcomes["broken"].cause.startswith("ArithmeticError: two words (")
    assert "small_jobs.py:" in outcomes["broken"].cause
    assert not outcomes["broken"].machine_fault
    assert outcomes["sound"].state == "complete"
    log = (Path(broken.folder) / "log.txt").read_text()
    assert "Traceback" in log
    assert "raise_error" in log


def test_what_cannot_travel_is_a_failure(executor, job):
    executor.submit(job("odd", wrong_outcome=1))
    (_, outcome) = everything_from(executor)[0]
    assert outcome.state == "failed"
    assert "JSON" in outcome.cause


def test_a_run_function_that_is_not_there_is_a_failure(name, job):
    with make_executor(name, Resources(EXECUTORS[name], device="cpu"), "small_jobs:missing") as executor:
        executor.submit(job("any"))
        assert "no 'missing'" in everything_from(executor)[0][1].cause


def test_waiting_for_nothing_returns_at_once(executor):
    start = time.monotonic()
    assert executor.wait(None) == []
    assert time.monotonic() - start < 5


def test_closing_forgets_what_waits_and_can_be_repeated(executor, job):
    for seed in range(5):
        executor.submit(job(f"j{seed}", seed))
    executor.close()
    executor.close()
    assert executor.wait(1) == []
    assert executor.progress() == {}


def test_no_workers_is_an_error(name):
    with pytest.raises(InputError, match="0"):
        make_executor(name, Resources(0))


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_there_is_an_error(name, device, executor, job):
    with pytest.raises(InputError, match=device):
        make_executor(name, Resources(EXECUTORS[name], device=device))
    with pytest.raises(InputError, match=device):
        executor.submit(job("any", fields={"device": device}))


def test_an_unknown_executor_is_an_error():
    with pytest.raises(UnknownName, match="processes"):
        make_executor("process")
