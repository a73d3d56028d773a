"""What only the executor `mpi` promises; test_executor.py runs this on three ranks, and the tests run on rank 0."""

import os
import re
import signal
from pathlib import Path

import pytest

from archwright.errors import InputError
from archwright.execute import Resources, make_executor, rank_service, usable_cpus


@pytest.fixture
def two():
    with make_executor("mpi", Resources(device="cpu"), "small_jobs:obey") as executor:
        yield executor


def only_outcome(executor, timeout=60):
    [(_, outcome)] = executor.wait(timeout)
    return outcome


def outcomes(executor, count):
    done = []
    while len(done) < count:
        done += executor.wait(60)
    return [outcome for _, outcome in done]


def record_of(executor, key, eventually):
    def has_arrived():
        assert executor.wait(0.05) == []
        return key in executor.progress()

    eventually(has_arrived)
    return executor.progress()[key]


def test_every_rank_but_the_first_is_a_worker(two, job):
    assert two.workers == 2
    assert two.threads == max(1, usable_cpus() // 2)
    for seed in range(2):
        two.submit(job(f"j{seed}", seed, sleep=0.3))
    host = os.uname().nodename
    assert sorted(outcome.worker for outcome in outcomes(two, 2)) == [f"{host}/1", f"{host}/2"]


def test_a_smaller_number_of_workers_is_respected(job):
    with make_executor("mpi", Resources(1, device="cpu"), "small_jobs:obey") as executor:
        executor.submit(job("first", sleep=0.5))
        executor.submit(second := job("second"))
        assert executor.wait(0.3) == []
        assert not Path(second.folder).exists()
        assert [outcome.state for outcome in outcomes(executor, 2)] == ["complete"] * 2


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (Resources(3), "3 workers requested, but there are only 2 worker ranks .*: start it with mpiexec -n 4"),
        (Resources(devices=2), "on one rank, not on 2 devices: omit devices"),
        (Resources(address="auto"), "'mpi' joins no cluster"),
        (Resources(cpus=10_000, device="cpu"), "^on .*: 2 workers with 10,000 cores each would need 20000"),
        (Resources(memory=1e9, device="cpu"), "^on .*: 2 workers with 1e[+]09 MB each"),
        (Resources(gpus=0.5, device="cuda:9"), "^on .*: device 'cuda:9' was requested"),
    ],
)
def test_resources_that_the_ranks_lack_are_an_error(resources, message):
    with pytest.raises(InputError, match=message):
        make_executor("mpi", resources)


def test_several_devices_are_an_error(two, job):
    with pytest.raises(InputError, match="on one rank, not on 2 devices"):
        two.submit(job("wide", fields={"devices": 2}))


def test_the_latest_epoch_of_running_trainings_reaches_rank_0(two, job, eventually):
    two.submit(job("learns", seed=7, epochs=3, sleep=60))
    two.submit(job("silent", sleep=60))
    record_of(two, "learns", eventually)
    two.wait(0.3)
    assert two.progress() == {"learns": {"epoch": 2, "accuracy": 0.07}}


def test_a_training_sees_no_mpi_job_but_its_own(two, job, eventually):
    two.submit(job("looks", mpi=1, sleep=60))
    assert record_of(two, "looks", eventually) == {"ranks": 1, "launcher": []}


def test_a_killed_training_is_a_machine_fault_and_its_rank_continues(two, job, pid_in, eventually):
    two.submit(doomed := job("doomed", epochs=2, sleep=60))
    record_of(two, "doomed", eventually)
    os.kill(pid_in(doomed.folder), signal.SIGKILL)
    outcome = only_outcome(two)
    assert (outcome.state, outcome.cause, outcome.machine_fault) == ("failed", "killed by signal 9 (SIGKILL)", True)
    assert [record["epoch"] for record in outcome.curve] == [0, 1]
    for seed in range(4):
        two.submit(job(f"next{seed}", seed, sleep=0.1))
    assert [outcome.state for outcome in outcomes(two, 4)] == ["complete"] * 4


def test_a_hang_is_ended_by_its_rank(two, job, pid_in, is_alive):
    two.submit(hanging := job("hangs", fields={"time_limit": 0.5}, ignore_terminate=1, hold=10**12))
    assert re.fullmatch(r"timed out after \d+ s: hung \(the limit is 0.5 s\)", only_outcome(two).cause)
    assert not is_alive(pid_in(hanging.folder))


def test_closing_leaves_no_process_and_stops_no_other_executor(two, job, pid_in, is_alive):
    with make_executor("mpi", Resources(device="cpu"), "small_jobs:obey") as other:
        other.submit(ending := job("ending", helper=1, sleep=60))
        two.submit(job("staying", sleep=1.0))
        pids = [pid_in(ending.folder), pid_in(ending.folder, "helper")]
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))
    assert only_outcome(two).state == "complete"


def test_a_folder_that_a_rank_cannot_see_is_an_error(two, job, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", lambda _: None)  # as on a disk local to the first node
        two.submit(job("lost"))
    with pytest.raises(InputError, match=f"{os.uname().nodename} cannot see .* wrote to {tmp_path}: give --out"):
        two.wait(60)


def test_the_token_file_is_deleted_at_the_end(two, job, tmp_path):
    two.submit(job("any"))
    assert [path.name[:6] for path in tmp_path.iterdir() if path.is_file()] == [".seen-"]
    only_outcome(two)
    two.close()
    assert [path.name for path in tmp_path.iterdir()] == ["any"]


def test_nested_services_are_the_same_service():
    with rank_service("mpi"):
        assert make_executor("mpi").workers == 2
    assert make_executor("mpi").workers == 2
