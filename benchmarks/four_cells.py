"""A space with accuracies from a real table, but far more networks than any cluster can train: see README.md."""

import math
from dataclasses import dataclass
from functools import cache, partial
from random import Random

from archwright.benchmark.tabular_benchmark import shipped_benchmark
from archwright.search_space import SearchSpace
from archwright.search_space.nasbench201 import WEIGHTS, NASBench201

QUARTERS, CELL = ("first", "second", "third", "last"), NASBench201()
FIXED_SECONDS, SECONDS_PER_WEIGHT = 60.0, 5.0
"""Assumed duration of a training on an average worker: a fixed part, plus one for the multiplications of its convolutions."""
TOO_LOW, NOISE = 10.0, 4.0
"""Bias and standard deviation of an accuracy at zero epochs, in percentage points; both fall linearly to zero."""


@dataclass(frozen=True)
class FourCells(SearchSpace):
    """A cell of NAS-Bench-201 for each quarter of a network: 24 questions with five options, 6 * 10^16 networks."""

    def decide(self, choose):
        return tuple(CELL.decide(partial(_choose_for_quarter, choose, quarter)) for quarter in QUARTERS)

    def build(self, description, problem):
        raise NotImplementedError("these networks are looked up, not trained")


def _choose_for_quarter(choose, quarter, name, options):
    return choose(f"{quarter}/{name}", options)


@cache
def _table():
    return shipped_benchmark("nasbench201", "cifar10")


def accuracy(answers, share=1.0, seed=0):
    """In [0, 1]: mean of the four cells' validation accuracies in the table; with `share` < 1, a noisy estimate of it."""
    exact = sum(_table().entry(_cell(answers, quarter)).valid for quarter in QUARTERS) / len(QUARTERS)
    left = 1.0 - share
    return (exact - left * (TOO_LOW + NOISE * Random(f"{seed}/{share}").gauss(0, 1))) / 100 if left else exact / 100


def _cell(answers, quarter):
    """The NAS-Bench-201 architecture of one quarter."""
    return CELL.architecture({n.removeprefix(f"{quarter}/"): a for n, a in answers.items() if n.startswith(f"{quarter}/")})


def seconds(answers):
    return FIXED_SECONDS + SECONDS_PER_WEIGHT * math.fsum(WEIGHTS.get(operation, 0.0) for operation in answers.values())
