"""A Ray worker's side, played in this process. What a cluster does is in test_executor.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from archwright.execute.ray.task import TOKEN, Errand, Luggage, supervise
from archwright.execute.ray.transfer import pack

ray = pytest.importorskip("ray")


@pytest.fixture
def errand(job):
    """An order for a job that tells an epoch and waits a little."""
    given = job("far", seed=3, epochs=1, sleep=0.5)
    Path(given.folder).mkdir()
    return Errand(json.dumps(given.to_json()), "small_jobs:obey", b"", str(Path.cwd()), "the token", False), given


def test_where_the_run_folder_is_seen_the_training_is_done_there(errand):
    order, given = errand
    (Path(given.folder) / TOKEN).write_text("the token")
    items = list(supervise(order, None))
    assert [next(iter(item)) for item in items] == ["started", "epoch", "outcome"]
    assert items[1]["epoch"] == {"epoch": 0, "accuracy": 0.03}
    assert items[2]["outcome"]["metrics"] == {"accuracy": 0.03}
    assert (Path(given.folder) / "pid").exists()


@pytest.mark.parametrize("token", [None, "another"])
def test_where_it_is_not_seen_a_worker_without_luggage_says_so(errand, token):
    order, given = errand
    if token is not None:
        (Path(given.folder) / TOKEN).write_text(token)
    assert [next(iter(item)) for item in supervise(order, None)] == ["started", "unseen"]


def test_files_are_brought_back_now_and_then_and_in_the_end(errand, ray_cluster, monkeypatch, tmp_path):
    monkeypatch.setattr("archwright.execute.ray.task.BRING_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    order, given = errand
    data = {"x": ray.put(np.frombuffer(b"1 2 3", np.uint8))}
    items = list(supervise(order, Luggage(pack(given), "key", data)))
    brought = [set(item["files"]) for item in items if "files" in item]
    assert {"folder/pid"} <= set().union(*brought[:-1])  # before the end
    assert next(iter(items[-2])) == "files"
    assert next(iter(items[-1])) == "outcome"
    assert not (Path(given.folder) / "pid").exists()
    assert [file.read_text() for file in (tmp_path / "temporary").rglob("x")] == ["1 2 3"]
