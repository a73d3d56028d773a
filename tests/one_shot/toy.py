"""A supernet so small that its best architecture is known: sums of functions of single features, with a planted target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from archwright.architecture.architecture import Architecture
from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.evaluate.job import Job
from archwright.network.supernet import Edge, Mixture
from archwright.search_space import SearchSpace

SPACE = "toy_space_of_the_tests:Toy"
"""The name under which this file is loaded, and the class."""
FUNCTIONS = {
    "none": lambda x: 0 * x,
    "skip_connect": lambda x: x,
    "square": lambda x: x * x - 1 / 3,
    "wave": lambda x: torch.sin(7 * x),
}
NAMES = tuple(FUNCTIONS)
BEST = {"0": "skip_connect", "1": "square", "2": "wave"}
BEST_INPUT, BEST_LAST = 1, "square"
"""Outputs 0 to 2 are each made of one feature; output 3 of one of features 3 to 5, by one function."""


class ToySupernet(nn.Module):
    """x: (B, 6) -> (B, 4). Counts what is computed."""

    def __init__(self, space: Toy, auxiliary_skip: bool) -> None:
        super().__init__()
        self.space = space
        free = [Edge(name, NAMES, f"output {name}") for name in BEST]
        competing = [Edge(f"last/{i}", NAMES, "last") for i in range(3)]
        self.mixture = Mixture((*free, *competing), {"last": 1})
        self.norm = nn.BatchNorm1d(6, affine=False)
        self.scale = nn.Parameter(torch.ones(6, len(NAMES)))
        self.shift = nn.Parameter(torch.zeros(6))
        self.auxiliary_skip = 1.0 if auxiliary_skip else 0.0
        self.computed = 0

    def forward(self, x, gates):
        x = self.norm(x) / 3**0.5  # uniform between -1 and 1 again
        columns = [self._edge(i, x[:, i], gates[i]) + self.shift[i] for i in range(6)]
        return torch.stack([*columns[:3], sum(columns[3:])], dim=1)

    def _edge(self, i, x, row):
        total = self.auxiliary_skip * x
        for k, name in enumerate(NAMES):
            if row[k] != 0:
                self.computed += 1
                total = total + row[k] * self.scale[i, k] * FUNCTIONS[name](x)
        return total

    def gates_of(self, architecture):
        answers = architecture.answers
        pairs = [(name, answers[name]) for name in BEST]
        return self.mixture.one_hot([*pairs, (f"last/{answers['input']}", answers["last"])])

    def architecture_of(self, choice):
        (name,) = (name for name in choice if name.startswith("last/"))
        answers = {edge: choice[edge] for edge in BEST}
        return self.space.architecture({**answers, "input": int(name[-1]), "last": choice[name]})

    def extract(self, architecture):
        raise NotImplementedError


@dataclass(frozen=True)
class Toy(SearchSpace):
    """One function for each of three features, and one for one of three."""

    name: ClassVar[str] = SPACE

    def decide(self, choose):
        free = [choose(name, list(NAMES)) for name in BEST]
        return [*free, choose("input", [0, 1, 2]), choose("last", list(NAMES[1:]))]

    def build(self, description, problem):
        return nn.Linear(6, 4)

    def supernet(self, problem, *, partial_channels=1, auxiliary_skip=False):
        return ToySupernet(self, auxiliary_skip)


def toy_data(count=600):
    """The known functions, with a little noise, divided into splits."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (count, 6)).astype(np.float32)
    columns = [FUNCTIONS[name](torch.from_numpy(x[:, i])).numpy() for i, name in enumerate(BEST.values())]
    columns.append(FUNCTIONS[BEST_LAST](torch.from_numpy(x[:, 3 + BEST_INPUT])).numpy())
    y = np.stack(columns, axis=1) + rng.normal(0, 0.05, (count, 4))
    return load_problem(Arrays(x, y.astype(np.float32)), task="regression", layout="flat")


def best_architecture():
    """What a search should find."""
    return Toy().architecture({**BEST, "input": BEST_INPUT, "last": BEST_LAST})


def toy_job(folder, method, *, epochs=12.0, seed=5, **settings):
    """A supernet's training on the toy, in batches of 32."""
    asked = {"space": SPACE, "space_settings": {}, "method": method, "method_settings": settings}
    return Job(
        key="supernet",
        stage="supernet",
        data="",
        folder=str(folder),
        seed=seed,
        epochs=epochs,
        recipe={"batch_size": 32},
        supernet=asked,
        device="cpu",
    )


def as_answers(found):
    """The architecture in an entry of `Outcome.found`."""
    return Architecture.from_json(found["architecture"])
