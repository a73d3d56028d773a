"""The executor `ray` on a real cluster on this machine, with real kills of workers and nodes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import archwright
from archwright.errors import InputError
from archwright.evaluate.job import Outcome
from archwright.execute import Resources, make_executor
from archwright.execute.ray import training as ray_training
from archwright.execute.ray.cluster import Cluster
from archwright.ledger.ledger import Ledger

ray = pytest.importorskip("ray")


@pytest.fixture
def two(ray_cluster):
    with make_executor("ray", Resources(2, device="cpu"), "small_jobs:obey") as executor:
        yield executor


def only_outcome(executor, timeout=60):
    [(_, outcome)] = executor.wait(timeout)
    return outcome


def test_progress_is_the_latest_epoch_and_a_killed_training_is_a_machine_fault(two, job, pid_in, eventually):
    two.submit(doomed := job("doomed", seed=7, epochs=3, sleep=60))
    two.submit(job("silent", sleep=60))
    eventually(lambda: two.wait(0.05) == [] and two.progress() == {"doomed": {"epoch": 2, "accuracy": 0.07}})
    os.kill(pid_in(doomed.folder), signal.SIGKILL)
    outcome = only_outcome(two)
    assert (outcome.state, outcome.cause, outcome.machine_fault) == ("failed", "killed by signal 9 (SIGKILL)", True)
    assert [record["epoch"] for record in outcome.curve] == [0, 1, 2]


def test_a_killed_ray_worker_takes_its_training_down_but_not_a_result_already_written(two, job, pid_in, is_alive, eventually):
    jobs = [job("doomed", epochs=1, sleep=60), job("done", epochs=1, sleep=60)]
    for each in jobs:
        two.submit(each)
    trainings = [pid_in(each.folder) for each in jobs]
    eventually(lambda: two.wait(0.05) == [] and len(two.progress()) == 2)
    (Path(jobs[1].folder) / "result.json").write_text(json.dumps(Outcome("complete", cause="from the file").to_json()))
    for training in trainings:
        os.kill(worker_above(training), signal.SIGKILL)
    outcomes = {j.key: outcome for _ in range(2) for j, outcome in two.wait(30)}
    assert outcomes["done"].cause == "from the file"
    doomed = outcomes["doomed"]
    assert (doomed.state, doomed.machine_fault, len(doomed.curve)) == ("failed", True, 1)
    assert re.fullmatch("its Ray worker on .* was killed, or has crashed", doomed.cause)
    eventually(lambda: not any(map(is_alive, trainings)), 10)
    two.submit(job("next"))
    assert only_outcome(two).state == "complete"


def worker_above(training):
    """The process that supervises a training, through the fork server between them."""
    return parent_of(parent_of(training))


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_hang_is_ended(two, job, pid_in, is_alive):
    two.submit(hanging := job("hangs", fields={"time_limit": 0.5}, ignore_terminate=1, hold=10**12))
    outcome = only_outcome(two)
    assert "hung (the limit is 0.5 s)" in outcome.cause
    assert not outcome.machine_fault
    assert not is_alive(pid_in(hanging.folder))


def test_a_training_knows_what_the_callers_main_module_defines(ray_cluster, job, monkeypatch):
    namespace = {"__name__": "__main__", "Outcome": Outcome}
    exec("def work(job, on_epoch):\n    return Outcome('complete', cause='from the main module')", namespace)
    monkeypatch.setattr(sys.modules["__main__"], "work", namespace["work"], raising=False)
    with make_executor("ray", Resources(1, device="cpu"), "__main__:work") as executor:
        executor.submit(job("own"))
        assert only_outcome(executor).cause == "from the main module"


def test_a_training_sees_only_the_gpu_that_ray_assigned_to_it(ray_cluster, job, eventually):
    with make_executor("ray", Resources(2, gpus=1), "small_jobs:obey") as executor:
        for key in ("a", "b"):
            executor.submit(job(key, fields={"threads": 2}, tell=1, sleep=60))
        eventually(lambda: executor.wait(0.05) == [] and len(executor.progress()) == 2)
        seen = list(executor.progress().values())
    assert sorted(one["visible"] for one in seen) == ["0", "1"]
    assert [(one["device"], one["threads"], one["omp"]) for one in seen] == [("cuda", 2, "2")] * 2


def test_closing_leaves_no_training(ray_cluster, job, pid_in, is_alive, eventually):
    with make_executor("ray", Resources(1, device="cpu"), "small_jobs:obey") as executor:
        executor.submit(running := job("runs", ignore_terminate=1, hold=10**12))
        pid = pid_in(running.folder)
        assert is_alive(pid)
    eventually(lambda: not is_alive(pid), 10)
    assert ray.is_initialized()  # an earlier connection stays open


def test_by_default_there_are_as_many_workers_as_fit(ray_cluster):
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
    ("resources", "message"),
    [
        (Resources(cpus=3), "3 cores"),
        (Resources(memory=10**9), "1e[+]09 MB"),
        (Resources(3, device="cpu"), "3 workers requested, but the Ray cluster has room for only 2"),
        (Resources(5, gpus=0.5), "room for only 2"),
        (Resources(device="cuda:0"), "give cuda"),
    ],
)
def test_resources_that_the_cluster_lacks_are_an_error(ray_cluster, resources, message):
    with pytest.raises(InputError, match=message):
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


def test_a_worker_that_does_not_respond_is_given_up(two, job, pid_in, eventually, monkeypatch):
    monkeypatch.setattr(ray_training, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(ray_training, "ANSWER_SECONDS", 1.0)
    two.submit(stopped := job("stopped", fields={"time_limit": 1.0}, epochs=1, sleep=60))
    worker = worker_above(pid_in(stopped.folder))
    os.kill(worker, signal.SIGSTOP)
    outcome = only_outcome(two)
    os.kill(worker, signal.SIGKILL)
    assert (outcome.cause, outcome.machine_fault) == ("its Ray worker does not respond: hung", True)


def test_a_worker_ended_by_ray_for_lack_of_memory_is_out_of_memory(ray_cluster, job, monkeypatch):
    monkeypatch.setattr(Cluster, "_check_worker", lambda self: None)  # no worker would live long enough
    starved = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    node = ray_cluster.add_node(num_cpus=5, env_vars=starved)
    with make_executor("ray", Resources(1, cpus=5, device="cpu"), "small_jobs:obey") as executor:
        executor.submit(job("starved", sleep=60))
        outcome = only_outcome(executor)
    ray_cluster.remove_node(node)
    assert re.fullmatch("out of memory: Ray ended its worker.*, where memory had run out", outcome.cause)
    assert outcome.machine_fault


def test_a_lost_node_costs_only_the_trainings_that_ran_there(ray_cluster, job, eventually):
    node = ray_cluster.add_node(num_cpus=1)
    with make_executor("ray", Resources(3, device="cpu"), "small_jobs:obey") as executor:
        for seed in range(3):
            executor.submit(job(f"{seed}", seed, epochs=1, sleep=4))
        executor.submit(job("last"))
        eventually(lambda: executor.wait(0.05) == [] and len(executor.progress()) == 3)
        ray_cluster.remove_node(node)
        [(_, outcome)] = executor.wait(60)
        assert re.fullmatch("its node .* has left the Ray cluster", outcome.cause)
        assert outcome.machine_fault
        left = [outcome.state for _ in range(3) for _, outcome in executor.wait(60)]
        assert left == ["complete"] * 3


def test_without_a_suitable_node_trainings_wait_and_then_the_search_ends(ray_cluster, job, eventually, monkeypatch):
    node = ray_cluster.add_node(num_cpus=5)
    with make_executor("ray", Resources(1, cpus=5, device="cpu"), "small_jobs:obey") as executor:
        executor.submit(lost := job("lost", epochs=1, sleep=60))
        eventually(lambda: executor.wait(0.05) == [] and executor.progress())
        ray_cluster.remove_node(node)
        assert only_outcome(executor).machine_fault
        executor.submit(lost)
        assert executor.wait(1.5) == []
        monkeypatch.setattr("archwright.execute.ray.executor.PATIENCE_SECONDS", 0.0)
        with pytest.raises(InputError, match="no node of the Ray cluster has 5 cores for a training"):
            executor.wait(30)


@pytest.fixture
def far(ray_cluster, tmp_path, tmp_path_factory):
    """A node with three cores that cannot see this test's folder, as it has its own mount namespace (and PID namespace).

    Yields its process and the folder of its temporary files.
    """
    own_root = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*own_root, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not allow unprivileged mount namespaces")
    temporary = tmp_path_factory.mktemp("far")
    start = f"{Path(sys.executable).with_name('ray')} start --address={ray_cluster.address} --num-cpus=3 --block"
    known = len(ray.nodes())
    node = subprocess.Popen(
        [*own_root, "sh", "-c", f"mount -t tmpfs none {tmp_path} && exec {start}"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(ray.nodes()) > known)
    yield node, temporary
    node.kill()
    node.wait()


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_node_that_cannot_see_the_run_folder_receives_inputs_and_sends_back_results(far, job, tmp_path):
    _, temporary = far
    for file, content in {"data/problem.json": "{}", "data/x/rows": "1 2 3", "short/checkpoint.pt": "3 epochs"}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    (tmp_path / "test_accesses.jsonl").write_text("an earlier one\n")
    fields = {"data": str(tmp_path / "data"), "continues": str(tmp_path / "short")}
    with make_executor("ray", Resources(1, cpus=3, device="cpu"), "small_jobs:obey") as executor:
        for key in ("long", "longer"):
            executor.submit(given := job(key, seed=5, fields=fields, go_on=1))
            [(back, outcome)] = executor.wait(60)
            assert (back, outcome.state) == (given, "complete"), outcome.cause
            assert outcome.metrics == {"accuracy": 0.05}
    made = {file.name: file.read_text() for file in (tmp_path / "long").iterdir() if file.name != "pid"}
    assert json.loads(made.pop("result.json"))["metrics"] == {"accuracy": 0.05}
    assert made == {"weights": "3 epochs of 1 2 3", "log.txt": ""}
    assert not (tmp_path / "short" / "checkpoint.pt").exists()
    assert (tmp_path / "longer" / "weights").read_text() == "0 epochs of 1 2 3"
    assert (tmp_path / "test_accesses.jsonl").read_text() == "an earlier one\nlong\nlonger\n"
    assert [path.name for folder in temporary.glob("archwright-*") for path in folder.iterdir()] == []


def test_a_search_survives_the_loss_of_a_node_and_has_every_trial_once(far, tmp_path, without_onnx):
    node, temporary = far
    images = np.random.default_rng(0).normal(size=(60, 1, 6, 6)).astype(np.float32)
    np.savez(tmp_path / "toy.npz", x=images, y=np.arange(60) % 2)

    def lose_the_node():
        wait_until(lambda: any(temporary.glob("archwright-*/*/*/folder/log.txt")))  # a training runs there
        node.kill()

    loss = threading.Thread(target=lose_the_node)
    loss.start()
    archwright.search(
        tmp_path / "toy.npz",
        out=tmp_path / "run",
        strategy="random",
        executor="ray",
        cpus=2,
        device="cpu",
        trials=2,
        epochs=1,
        seeds=1,
        baselines=(),
        settings={"space.width": 4, "space.most_blocks": 1},
    )
    loss.join()
    with (tmp_path / "run" / "candidates.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"complete"}
    with Ledger.open(None, tmp_path / "run", json.loads((tmp_path / "run" / "run.json").read_text())["name"]) as ledger:
        assert sorted({row.attempts for row in ledger.rows()}) == [1, 2]
    assert len((tmp_path / "run" / "test_accesses.jsonl").read_text().splitlines()) == 1
