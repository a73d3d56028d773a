"""A Ray worker's side, run in this process; for real clusters see test_executor.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from archwright.execute.ray.task import TOKEN, Inputs, TaskOrder, supervise
from archwright.execute.ray.transfer import pack

ray = pytest.importorskip("ray")


@pytest.fixture
def order_and_job(job):
    """An order for a job that reports one epoch and waits briefly."""
    given = job("far", seed=3, epochs=1, sleep=0.5)
    Path(given.folder).mkdir()
    return TaskOrder(json.dumps(given.to_json()), "small_jobs:obey", b"", str(Path.cwd()), "the token", False), given


def test_a_worker_that_sees_the_run_folder_trains_there(order_and_job):
    order, given = order_and_job
    (Path(given.folder) / TOKEN).write_text("the token")
    items = list(supervise(order, None))
    assert [next(iter(item)) for item in items] == ["started", "epoch", "outcome"]
    assert items[1]["epoch"] == {"epoch": 0, "accuracy": 0.03}
    assert items[2]["outcome"]["metrics"] == {"accuracy": 0.03}
    assert (Path(given.folder) / "pid").exists()


@pytest.mark.parametrize("token", [None, "another"])
def test_a_worker_that_cannot_see_it_and_has_no_inputs_says_so(order_and_job, token):
    order, given = order_and_job
    if token is not None:
        (Path(given.folder) / TOKEN).write_text(token)
    assert [next(iter(item)) for item in supervise(order, None)] == ["started", "unseen"]


def test_files_are_sent_back_at_intervals_and_at_the_end(order_and_job, ray_cluster, monkeypatch, tmp_path):
    monkeypatch.setattr("archwright.execute.ray.task.FILES_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    order, given = order_and_job
    data = {"x": ray.put(np.frombuffer(b"1 2 3", np.uint8))}
    items = list(supervise(order, Inputs(pack(given), "key", data)))
    sent = [set(item["files"]) for item in items if "files" in item]
    assert {"folder/pid"} <= set().union(*sent[:-1])  # before the end
    assert next(iter(items[-2])) == "files"
    assert next(iter(items[-1])) == "outcome"
    assert not (Path(given.folder) / "pid").exists()
    assert [file.read_text() for file in (tmp_path / "temporary").rglob("x")] == ["1 2 3"]
