import os

import pytest

from archwright.execute import threads, threads_per_worker
from archwright.execute.threads import usable_cpus


def test_threads_are_an_equal_share_and_at_least_one(monkeypatch):
    monkeypatch.setattr(threads, "usable_cpus", lambda: 8)
    assert [threads_per_worker(workers) for workers in (1, 3, 8, 9)] == [8, 2, 1, 1]


@pytest.mark.parametrize(("quota", "cpus"), [("300000 100000", 3), ("50000 100000", 1), ("max 100000", 8), ("1600000 100000", 8)])
def test_a_containers_limit_counts(tmp_path, monkeypatch, quota, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert usable_cpus(tmp_path / "cpu.max") == cpus


def test_no_control_group_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert usable_cpus(tmp_path / "missing") == 8
