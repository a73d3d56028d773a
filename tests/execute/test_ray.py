"""The executor `ray` on a real cluster of this machine, its workers and nodes really killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archwright.errors import InputError
from archwright.evaluate.job import Outcome
from archwright.execute import Resources, make_executor

ray = pytest.importorskip("ray")


@pytest.fixture
def two(ray_cluster):
    with make_executor("ray", Resources(2, device="cpu"), "small_jobs:obey") as executor:
        yield executor


def only_outcome(executor, timeout=60):
    [(_, outcome)] = executor.wait(timeout)
    return outcome


def wait_for_progress(executor, key, eventually):
    def has_reported():
        assert executor.wait(0.05) == []
        return key in executor.progress()

    eventually(has_reported)
    return executor.progress()[key]


def test_progress_is_the_last_epoch_and_a_killed_training_is_the_machines_fault(two, job, pid_in, eventually):
    two.submit(doomed := job("doomed", seed=7, epochs=3, sleep=60))
    two.submit(job("silent", sleep=60))
    wait_for_progress(two, "doomed", eventually)
    eventually(lambda: two.wait(0.05) == [] and two.progress() == {"doomed": {"epoch": 2, "accuracy": 0.07}})
    os.kill(pid_in(doomed.folder), signal.SIGKILL)
    outcome = only_outcome(two)
    assert (outcome.state, outcome.cause, outcome.machine_fault) == ("failed", "killed by signal 9 (SIGKILL)", True)
    assert [record["epoch"] for record in outcome.curve] == [0, 1, 2]


def test_a_killed_ray_worker_takes_its_training_along_and_the_next_job_runs(two, job, pid_in, is_alive, eventually):
    two.submit(doomed := job("doomed", epochs=1, sleep=60))
    wait_for_progress(two, "doomed", eventually)
    training = pid_in(doomed.folder)
    os.kill(worker_above(training), signal.SIGKILL)
    outcome = only_outcome(two)
    assert (outcome.state, outcome.machine_fault) == ("failed", True)
    assert outcome.cause.startswith("its Ray worker on ")
    assert outcome.cause.endswith(" was killed, or has crashed")
    assert len(outcome.curve) == 1
    eventually(lambda: not is_alive(training), 10)
    two.submit(job("next"))
    assert only_outcome(two).state == "complete"


def worker_above(training):
    """The process that supervises a training, through the fork server between them."""
    return parent_of(parent_of(training))


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_result_that_was_written_before_the_worker_was_killed_counts(two, job, pid_in, eventually):
    two.submit(done := job("done", epochs=1, sleep=60))
    wait_for_progress(two, "done", eventually)
    (Path(done.folder) / "result.json").write_text(json.dumps(Outcome("complete", cause="from the file").to_json()))
    os.kill(worker_above(pid_in(done.folder)), signal.SIGKILL)
    assert only_outcome(two).cause == "from the file"


def test_a_hang_is_ended(two, job, pid_in, is_alive):
    two.submit(hanging := job("hangs", fields={"time_limit": 0.5}, ignore_terminate=1, hold=10**12))
    outcome = only_outcome(two)
    assert "hung (allowed were 0.5 s)" in outcome.cause
    assert not outcome.machine_fault
    assert not is_alive(pid_in(hanging.folder))


def test_what_the_caller_defines_in_its_main_is_known_to_the_training(ray_cluster, job, monkeypatch):
    namespace = {"__name__": "__main__", "Outcome": Outcome}
    exec("def work(job, on_epoch):\n    return Outcome('complete', cause='from the main module')", namespace)
    monkeypatch.setattr(sys.modules["__main__"], "work", namespace["work"], raising=False)
    with make_executor("ray", Resources(1, device="cpu"), "__main__:work") as executor:
        executor.submit(job("own"))
        assert only_outcome(executor).cause == "from the main module"


def test_a_training_sees_only_the_gpu_that_ray_gave_it(ray_cluster, job, eventually):
    with make_executor("ray", Resources(2, gpus=1), "small_jobs:obey") as executor:
        seen = []
        for key in ("a", "b"):
            executor.submit(job(key, fields={"threads": 2}, tell=1, sleep=60))
        for key in ("a", "b"):
            seen.append(wait_for_progress(executor, key, eventually))
    assert sorted(one["visible"] for one in seen) == ["0", "1"]
    assert [(one["device"], one["threads"], one["omp"]) for one in seen] == [("cuda", 2, "2")] * 2


def test_closing_leaves_no_training(ray_cluster, job, pid_in, is_alive, eventually):
    with make_executor("ray", Resources(1, device="cpu"), "small_jobs:obey") as executor:
        executor.submit(running := job("runs", ignore_terminate=1, hold=10**12))
        pid = pid_in(running.folder)
        assert is_alive(pid)
    eventually(lambda: not is_alive(pid), 10)
    assert ray.is_initialized()  # whoever was connected before stays connected


def test_workers_are_as_many_as_there_is_room_for(ray_cluster):
    for resources, workers in [
        (Resources(device="cpu"), 2),
        (Resources(cpus=2, device="cpu"), 1),
        (Resources(), 2),  # GPUs
        (Resources(gpus=0.25), 2),  # cores
    ]:
        with make_executor("ray", resources) as executor:
            assert executor.workers == workers
            assert executor.threads == (resources.cpus or 1)


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        (Resources(cpus=3), "3 cores"),
        (Resources(memory=10**9), "1e[+]09 MB"),
        (Resources(3, device="cpu"), "3 workers were asked for, and the Ray cluster has room for 2"),
        (Resources(5, gpus=0.5), "room for 2"),
        (Resources(device="cuda:0"), "give cuda"),
    ],
)
def test_what_the_cluster_cannot_give_is_an_error(ray_cluster, resources, told):
    with pytest.raises(InputError, match=told):
        make_executor("ray", resources)


def test_a_job_on_more_devices_than_a_node_has_is_an_error(ray_cluster, job):
    with make_executor("ray", Resources(2, cpus=1), "small_jobs:obey") as executor:
        with pytest.raises(InputError, match="3 devices"):
            executor.submit(job("wide", fields={"devices": 3}))
        executor.submit(job("fits", fields={"devices": 2}))


WAITING = """
import sys
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor

with make_executor("ray", Resources(1, device="cpu", address=sys.argv[1]), "small_jobs:obey") as executor:
    executor.submit(Job("hold", "search", "", sys.argv[2] + "/hold", 0, 1, recipe={"ignore_terminate": 1, "hold": 10**12}))
    executor.wait()
"""


def test_trainings_end_soon_after_their_coordinator_was_killed(ray_cluster, tmp_path, pid_in, is_alive, eventually):
    command = [sys.executable, "-c", WAITING, ray_cluster.address, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as coordinator:
        training = pid_in(tmp_path / "hold")
        assert is_alive(training)
        coordinator.kill()
        assert coordinator.communicate() == ("", None)
    eventually(lambda: not is_alive(training), 10)


def test_a_lost_node_costs_only_what_ran_there(ray_cluster, job, pid_in, is_alive, eventually):
    node = ray_cluster.add_node(num_cpus=1)
    with make_executor("ray", Resources(3, device="cpu"), "small_jobs:obey") as executor:
        jobs = {f"{n}": job(f"{n}", n, epochs=1, sleep=60) for n in range(3)}
        for each in jobs.values():
            executor.submit(each)
        executor.submit(job("last"))
        eventually(lambda: executor.wait(0.05) == [] and len(executor.progress()) == 3)
        ray_cluster.remove_node(node)
        [(lost, outcome)] = executor.wait(60)
        assert outcome.cause.startswith("the node it was on")
        assert outcome.machine_fault
        eventually(lambda: not is_alive(pid_in(lost.folder)), 10)
        start = time.monotonic()
        for key in set(jobs) - {lost.key}:
            os.kill(pid_in(jobs[key].folder), signal.SIGKILL)
        done = [j.key for _ in range(3) for j, _ in executor.wait(10)]
        assert "last" in done
