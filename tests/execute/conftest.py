import logging
import os
import sys
import time
from pathlib import Path

import pytest

from archwright.evaluate.job import Job


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch):
    """`small_jobs:obey` is importable, here and in the training processes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


LIGHT = """
from archwright.execute import fork_server
fork_server.PRELOADED = ["torch"]  # most of the trainings here need no more
"""

SOON_MISSED = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}
"""A node that was killed is missed after five seconds; Ray takes half a minute by default."""


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory):
    """A Ray cluster that this process is connected to: one node with two cores and, it believes, two GPUs. Tests may add nodes."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    light = tmp_path_factory.mktemp("light")
    (light / "sitecustomize.py").write_text(LIGHT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(light), str(Path(__file__).parent), *sys.path]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 2, "num_gpus": 2, "include_dashboard": False, "_system_config": SOON_MISSED}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.CRITICAL)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def job(tmp_path):
    """A job that does what it is told: `job("name", sleep=3)`; further fields in `fields`."""

    def make(key, seed=0, fields=None, **deeds):
        folder = str(tmp_path / key)
        return Job(key, "search", **{"data": "", "folder": folder, "seed": seed, "epochs": 1, "recipe": deeds, **(fields or {})})

    return make


@pytest.fixture
def eventually():
    """Waits until the condition holds; the test fails after `seconds`."""

    def wait_until(condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s"
            time.sleep(0.02)

    return wait_until


@pytest.fixture
def pid_in(eventually):
    """The process id that a job wrote into its folder."""

    def read(folder, file="pid"):
        path = Path(folder) / file
        eventually(lambda: path.is_file() and path.read_text().isdigit())
        return int(path.read_text())

    return read
