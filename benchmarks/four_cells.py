"""A space whose networks have the accuracies of a real table, and which no cluster can try out: see README.md."""

import math
from dataclasses import dataclass
from functools import cache, partial
from random import Random

from archwright.benchmark.tabular_benchmark import shipped_benchmark
from archwright.search_space import SearchSpace
from archwright.search_space.nasbench201 import WEIGHTS, NASBench201

QUARTERS, CELL = ("first", "second", "third", "last"), NASBench201()
FIXED_SECONDS, SECONDS_PER_WEIGHT = 60.0, 5.0
"""A training's assumed time on an average worker: a fixed part, and one for the multiplications of its convolutions."""
TOO_LOW, NOISE = 10.0, 4.0
"""Percentage points by which an accuracy before the first epoch would be too low, and its standard deviation; falling linearly."""


@dataclass(frozen=True)
class FourCells(SearchSpace):
    """A cell of NAS-Bench-201 for each quarter of a network: 24 questions of five options, 6 * 10^16 networks."""

    def decide(self, choose):
        return tuple(CELL.decide(partial(_asked_of, choose, quarter)) for quarter in QUARTERS)

    def build(self, description, problem):
        raise NotImplementedError("these networks are looked up, not trained")


def _asked_of(choose, quarter, name, options):
    return choose(f"{quarter}/{name}", options)


@cache
def _table():
    return shipped_benchmark("nasbench201", "cifar10")


def accuracy(answers, share=1.0, seed=0):
    """In [0, 1]: the mean of the table's validation accuracies of the four cells; of a part of a training, an estimate of that."""
    exact = sum(_table().entry(_cell(answers, quarter)).valid for quarter in QUARTERS) / len(QUARTERS)
    left = 1.0 - share
    return (exact - left * (TOO_LOW + NOISE * Random(f"{seed}/{share}").gauss(0, 1))) / 100 if left else exact / 100


def _cell(answers, quarter):
    """The architecture that the answers about one quarter make in NAS-Bench-201."""
    return CELL.architecture({n.removeprefix(f"{quarter}/"): a for n, a in answers.items() if n.startswith(f"{quarter}/")})


def seconds(answers):
    return FIXED_SECONDS + SECONDS_PER_WEIGHT * math.fsum(WEIGHTS.get(operation, 0.0) for operation in answers.values())
