"""Small problems in folders, a tiny space that fails on request, and jobs on them."""

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from archwright.architecture.architecture import Architecture
from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.data.problem_folder import save_problem
from archwright.evaluate.job import Job
from archwright.search_space import SearchSpace

SPACE = "tiny_space_of_the_tests:Tiny"


class Troubled(nn.Module):
    """Trains normally for some batches, then fails as requested."""

    def __init__(self, trouble: str, after: int) -> None:
        super().__init__()
        self.trouble, self.left = trouble, after

    def forward(self, x):
        self.left -= self.training
        if self.left >= 0 or not self.trouble or x.device.type == "meta":
            return x
        if self.trouble == "memory":
            return x + torch.empty(2**60)
        if self.trouble == "error":
            raise KeyError("a mistake in the network")
        return x * float(self.trouble)


@dataclass(frozen=True)
class Tiny(SearchSpace):
    """One hidden layer."""

    name: ClassVar[str] = SPACE
    trouble: str = ""
    after: int = 0

    def decide(self, choose):
        return choose("width", [4, 8, 1024])

    def build(self, width, problem):
        inputs = int(np.prod(problem.input_shape))
        layers = [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, problem.outputs)]
        return nn.Sequential(nn.Flatten(), Troubled(self.trouble, self.after), *layers)


@pytest.fixture(autouse=True)
def tiny_space(monkeypatch):
    module = ModuleType(SPACE.partition(":")[0])
    module.Tiny = Tiny
    monkeypatch.setitem(sys.modules, module.__name__, module)
    threads = torch.get_num_threads()
    yield Tiny
    torch.set_num_threads(threads)


def arrays(task, count=240):
    """A learnable problem, as byte images or as flat features."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 6)).astype(np.float32)
    if task == "classification":
        images = rng.integers(0, 100, (count, 1, 7, 7), dtype=np.uint8)
        y = np.arange(count) % 3
        images[np.arange(count), 0, y * 2, 3] = 255
        return images, y
    if task == "multi_label":
        return x, (x[:, :3] > 0.2).astype(np.float32)
    return x, np.stack([1000 * x[:, 0] + 5, x[:, 1] - x[:, 2]], axis=1).astype(np.float32)


@pytest.fixture(scope="session", params=["classification", "multi_label", "regression"])
def any_task(request):
    return request.param


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Returns the folder of a stored problem of a task, created once."""
    made = {}

    def of(task):
        if task not in made:
            folder = tmp_path_factory.mktemp(task)
            x, y = arrays(task)
            data = load_problem(Arrays(x, y), task=task, layout="flat" if x.ndim == 2 else None)
            made[task] = save_problem(data, folder / "data")
        return made[task]

    return of


@pytest.fixture
def job_of(stored, tmp_path):
    """A job on a stored problem: few epochs, one thread."""

    def make(task="classification", *, folder="job", width=8, trouble="", after=0, recipe=None, **fields):
        settings = {"trouble": trouble, "after": after}
        architecture = None if "baseline" in fields else Architecture(SPACE, settings, {"width": width}).to_json()
        given = {"key": "tiny", "stage": "search", "seed": 1, "epochs": 2.0, "architecture": architecture, **fields}
        small = {"batch_size": 16, **(recipe or {})}
        return Job(data=str(stored(task)), folder=str(tmp_path / folder), recipe=small, **given)

    return make


@pytest.fixture
def test_log(stored):
    """The lines in the access log of a task's test split."""

    def lines(task="classification"):
        file = stored(task).parent / "test_accesses.jsonl"
        return file.read_text().splitlines() if file.exists() else []

    return lines
