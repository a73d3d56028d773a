"""Does a search find better recurrent cells than random sampling, and better ones than LSTM and GRU? See README.md."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from statistics import mean, stdev

from trainings import finish, outcome_of

from archwright.architecture.architecture import Architecture
from archwright.cost.parameters import parameter_count
from archwright.data.load import load_problem
from archwright.data.problem import Problem
from archwright.data.problem_folder import open_problem, save_problem
from archwright.evaluate.job import Job
from archwright.search_space import SearchSpace, make_space
from archwright.train.recipe import recipe_for

SPACE = "recurrent"
BASELINES = ("lstm", "gru")
RANDOM_CELLS = 5
MOST_SEARCH_EPOCHS = 20.0


@dataclass(frozen=True)
class Comparison:
    """All trainings of one comparison, each with its result in a folder of its own."""

    folder: Path
    source: str
    methods: Sequence[str]
    nodes: int
    width: int
    search_minutes: float
    epochs: float
    seeds: int

    @cached_property
    def data(self) -> Path:
        return save_problem(load_problem(self.source), self.folder / "data")

    @cached_property
    def problem(self) -> Problem:
        return open_problem(self.data).problem

    @property
    def settings(self) -> dict[str, int]:
        return {"nodes": self.nodes, "width": self.width}

    @cached_property
    def space(self) -> SearchSpace:
        return make_space(SPACE, self.settings).for_problem(self.problem)

    def _job(self, stage: str, name: str, seed: int, epochs: float, **fields) -> Job:
        key = f"{stage}-{name}-{seed}"
        where = {"data": str(self.data), "folder": str(self.folder / key), "device": "cpu"}
        recipe = asdict(recipe_for(self.problem.n_train, {}, self.problem.task))
        return Job(key=key, stage=stage, seed=seed, epochs=epochs, recipe=recipe, **where, **fields)

    def search(self, method: str) -> Job:
        asked = {"space": SPACE, "space_settings": self.settings, "method": method}
        return self._job(
            "supernet", method, 0, MOST_SEARCH_EPOCHS, supernet=asked, time_goal=60 * self.search_minutes, least_epochs=0.01
        )

    def found(self, method: str) -> Architecture:
        """The final cell of a search."""
        record = json.loads((Path(self.search(method).folder) / "one_shot.json").read_text(encoding="utf-8"))
        return Architecture.from_json(record["discretization"]["architecture"])

    def random_cells(self) -> list[Architecture]:
        rng = Random(0)
        return [self.space.sample(rng) for _ in range(RANDOM_CELLS)]

    def parameters(self, cell: Architecture) -> int:
        return parameter_count(self.space.network(cell, self.problem))

    def training(self, name: str, seed: int, cell: Architecture) -> Job:
        return self._job("final", name, seed, self.epochs, architecture=cell.to_json())

    def baseline(self, name: str, seed: int) -> Job:
        """With as many parameters as the mean of the random cells."""
        size = round(mean(map(self.parameters, self.random_cells())))
        return self._job("baseline", name, seed, self.epochs, baseline=name, baseline_parameters=size)

    def contenders(self) -> dict[str, list[Job]]:
        """The trainings of each contender: searched cells and baselines with every seed, random cells with one seed each."""
        seeds = range(self.seeds)
        searched = {name: [self.training(name, seed, self.found(name)) for seed in seeds] for name in self.methods}
        cells = {"random cells": [self.training("random", seed, cell) for seed, cell in enumerate(self.random_cells())]}
        return {**searched, **cells, **{name: [self.baseline(name, seed) for seed in seeds] for name in BASELINES}}


def spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f} ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else "")


def print_table(comparison: Comparison) -> None:
    """One row per contender: mean, standard deviation, and range."""
    metric = comparison.problem.metric
    print(f"| | trainings | validation {metric} | test {metric} | parameters | seconds per training |\n|{' --- |' * 6}")
    for name, jobs in comparison.contenders().items():
        outcomes = [outcome_of(job) for job in jobs]
        valid, test = spread([o.metrics[metric] for o in outcomes]), spread([o.test for o in outcomes])
        size, seconds = mean(o.parameters for o in outcomes), mean(o.seconds for o in outcomes)
        print(f"| {name} | {len(jobs)} | {valid} | {test} | {size / 1e6:.2f} million | {seconds:.0f} |")
    for method in comparison.methods:
        seconds = outcome_of(comparison.search(method)).seconds
        print(f"{method}, searched for {seconds:.0f} s: {dict(comparison.found(method).answers)}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=Path("runs/recurrent_cells"))
    arguments.add_argument("--source", default="shakespeare-characters")
    arguments.add_argument("--methods", default="enas,darts")
    arguments.add_argument("--nodes", type=int, default=8)
    arguments.add_argument("--width", type=int, default=200)
    arguments.add_argument("--search-minutes", type=float, default=10)
    arguments.add_argument("--epochs", type=float, default=0.3)
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--workers", type=int, default=2)
    given = vars(arguments.parse_args())
    workers = given.pop("workers")
    comparison = Comparison(**{**given, "methods": tuple(given["methods"].split(","))})
    finish([comparison.search(method) for method in comparison.methods], workers)
    finish([job for jobs in comparison.contenders().values() for job in jobs], workers)
    print_table(comparison)


if __name__ == "__main__":
    main()
