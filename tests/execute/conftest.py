import time
from pathlib import Path

import pytest

from archwright.evaluate.job import Job


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch):
    """`small_jobs:obey` is importable, here and in the training processes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def job(tmp_path):
    """A job that does what it is told: `job("name", sleep=3)`; further fields in `fields`."""

    def make(key, seed=0, fields=None, **deeds):
        folder = str(tmp_path / key)
        return Job(key, "search", "", folder, seed, 1, recipe=deeds, **(fields or {}))

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
