"""Does weight sharing find better cells than random sampling? One-shot methods versus random cells of equal cost: see README.md."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from statistics import mean, stdev

import numpy as np
from trainings import finish, outcome_of

from archwright.architecture.architecture import Architecture
from archwright.cost.macs import multiply_accumulates
from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.data.problem import Problem
from archwright.data.problem_folder import open_problem, save_problem
from archwright.data.sources import read_source
from archwright.evaluate.job import Job
from archwright.search_space import SearchSpace, make_space
from archwright.statistics.intervals import TestRun, compare
from archwright.statistics.rank_correlation import rank_correlation

METHODS = ("darts", "darts_second_order", "pc_darts", "gdas", "snas", "single_path_uniform", "random_weight_sharing")
SPACE, SETTINGS = "cell", {"filters": 8, "blocks": 2, "reductions": 1}
RECIPE = {"batch_size": 32}
RANDOM = "random"
TRAINING_IMAGES, VALIDATION_ROWS, SIDE = 60_000, 2_000, 28
CELLS = 10
SAME_COST = 0.05
"""A random cell and a found one have equal cost if their multiply-accumulates differ by at most this fraction."""


@dataclass(frozen=True)
class Comparison:
    """All trainings of one comparison, each with its result in a folder of its own."""

    folder: Path
    images: int
    search_epochs: float
    final_epochs: float
    seeds: int

    @cached_property
    def data(self) -> Path:
        """Images of half the width and height, by averaging 2 x 2 pixels: a step takes half the time."""
        raw = read_source("fashion-mnist", ())
        quarters = raw.x.reshape(-1, 1, SIDE // 2, 2, SIDE // 2, 2)
        x, y = quarters.mean(axis=(3, 5)).round().astype(np.uint8), raw.y
        rows = np.random.default_rng(0).permutation(TRAINING_IMAGES)
        train, val = rows[: self.images], rows[self.images : self.images + VALIDATION_ROWS]
        pairs = {"train": (x[train], y[train]), "val": (x[val], y[val]), "test": (x[TRAINING_IMAGES:], y[TRAINING_IMAGES:])}
        parts = {f"{letter}_{part}": array for part, pair in pairs.items() for letter, array in zip("xy", pair, strict=True)}
        return save_problem(load_problem(Arrays(**parts, name="fashion-mnist")), self.folder / "data")

    @cached_property
    def problem(self) -> Problem:
        return open_problem(self.data).problem

    @cached_property
    def space(self) -> SearchSpace:
        return make_space(SPACE, SETTINGS).for_problem(self.problem)

    def _job(self, stage: str, name: str, seed: int, epochs: float, **fields) -> Job:
        key = f"{stage}-{name}-{seed}-{epochs:g}"
        where = {"data": str(self.data), "folder": str(self.folder / key), "device": "cpu"}
        return Job(key=key, stage=stage, seed=seed, epochs=epochs, recipe=RECIPE, **where, **fields)

    def search(self, method: str, seed: int) -> Job:
        asked = {"space": SPACE, "space_settings": SETTINGS, "method": method}
        return self._job("supernet", method, seed, self.search_epochs, supernet=asked)

    def scoring(self, method: str, seed: int, cells: Sequence[Architecture]) -> Job:
        search = self.search(method, seed)
        asked = {**search.supernet, "trained": search.folder, "architectures": [cell.to_json() for cell in cells]}
        return self._job("shared_scores", method, seed, self.search_epochs, supernet=asked)

    def training(self, name: str, seed: int, cell: Architecture) -> Job:
        return self._job("final", name, seed, self.final_epochs, architecture=cell.to_json())

    def record(self, method: str, seed: int) -> dict:
        return json.loads((Path(self.search(method, seed).folder) / "one_shot.json").read_text(encoding="utf-8"))

    def found(self, method: str, seed: int) -> Architecture:
        """The final cell of a search."""
        return Architecture.from_json(self.record(method, seed)["discretization"]["architecture"])

    def macs(self, cell: Architecture) -> int:
        return multiply_accumulates(self.space.network(cell, self.problem), self.problem.input_shape)

    def random_cells(self) -> list[Architecture]:
        """Their costs are distributed like those of all cells found."""
        costs = [self.macs(self.found(method, seed)) for method in METHODS for seed in range(self.seeds)]
        rng = Random(0)
        return [self._random_cell(cost, rng) for cost in np.quantile(costs, (np.arange(CELLS) + 0.5) / CELLS)]

    def _random_cell(self, cost: float, rng: Random) -> Architecture:
        while abs(self.macs(cell := self.space.sample(rng)) / cost - 1) > SAME_COST:
            pass
        return cell


def test_run(job: Job) -> TestRun:
    with np.load(Path(job.folder) / "test.npz", allow_pickle=False) as file:
        return TestRun(file["prediction"], file["target"], job.seed)


def percent(values: Sequence[float], decimals: int = 2) -> str:
    """Mean and standard deviation in percent; a dash if there are no values."""
    spread = f" ± {100 * stdev(values):.{decimals}f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.{decimals}f}{spread}" if values else "–"


def row(comparison: Comparison, method: str, random: Sequence[Job], cells: Sequence[Architecture]) -> dict[str, str]:
    """A method's row of the table. Accuracies in percent; validation accuracies except for the first two."""
    seeds = range(comparison.seeds)
    found = [comparison.found(method, seed) for seed in seeds]
    trained = [comparison.training(method, seed, cell) for seed, cell in zip(seeds, found, strict=True)]
    against = compare("accuracy", [test_run(job) for job in trained], [test_run(job) for job in random])
    scores = [comparison.record(method, seed)["discretization"] for seed in seeds]
    low, high = (100 * end for end in against.ci95)
    return {
        "method": f"`{method}`",
        "test accuracy": percent([outcome_of(job).test for job in trained]),
        "minus random": f"{100 * against.difference:+.2f} ({low:+.2f} to {high:+.2f})",
        "mixture": percent([score["supernet_score"] for score in scores if score["supernet_score"] is not None], 1),
        "cell, shared weights": percent([score["discretized_score"] for score in scores], 1),
        "cell, from scratch": percent([outcome_of(job).metrics["accuracy"] for job in trained], 1),
        "tau": f"{mean(taus(comparison, method, random, cells)):+.2f}",
        "million MACs": f"{mean(comparison.macs(cell) for cell in found) / 1e6:.2f}",
        "seconds": f"{mean(outcome_of(comparison.search(method, seed)).seconds for seed in seeds):.0f}",
    }


def taus(comparison: Comparison, method: str, random: Sequence[Job], cells: Sequence[Architecture]) -> list[float]:
    """Kendall's tau between shared-weight and from-scratch scores of the random cells, one value per seed."""
    scratch = [outcome_of(job).metrics["accuracy"] for job in random]
    found = []
    for seed in range(comparison.seeds):
        scored = outcome_of(comparison.scoring(method, seed, cells)).found
        found.append(rank_correlation([(entry["score"], value) for entry, value in zip(scored, scratch, strict=True)]))
    return [agreement.tau if agreement is not None else 0.0 for agreement in found]


def print_table(rows: Sequence[dict[str, str]]) -> None:
    for cells in (rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)):
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=Path("runs/one_shot_comparison"))
    arguments.add_argument("--images", type=int, default=10_000)
    arguments.add_argument("--search-epochs", type=float, default=2)
    arguments.add_argument("--final-epochs", type=float, default=5)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--workers", type=int, default=2)
    given = arguments.parse_args()
    comparison = Comparison(given.folder, given.images, given.search_epochs, given.final_epochs, given.seeds)
    pairs = [(method, seed) for seed in range(given.seeds) for method in METHODS]
    finish([comparison.search(*pair) for pair in pairs], given.workers)
    cells = comparison.random_cells()
    random = [comparison.training(RANDOM, seed, cell) for seed, cell in enumerate(cells)]
    finish([*[comparison.training(*pair, comparison.found(*pair)) for pair in pairs], *random], given.workers)
    finish([comparison.scoring(*pair, cells) for pair in pairs], given.workers)
    accuracies = [outcome_of(job).test for job in random]
    print_table([row(comparison, method, random, cells) for method in METHODS])
    costs = [comparison.macs(cell) / 1e6 for cell in cells]
    print(
        f"\n{CELLS} random cells of {min(costs):.2f} to {max(costs):.2f} million MACs (mean {mean(costs):.2f}): "
        f"{percent(accuracies)}, the best {100 * max(accuracies):.2f}"
    )


if __name__ == "__main__":
    main()
