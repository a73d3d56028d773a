"""Optuna's samplers by name, so that listing them does not import Optuna. A test compares the list with Optuna's."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "optuna:"


class Sampler(NamedTuple):
    """A class of `optuna.samplers`: its name, what it does, and its own paper if there is one."""

    class_name: str
    summary: str
    own_paper: str | None = None

    @property
    def paper(self) -> tuple[str, ...]:
        """Its own paper, and Optuna's."""
        return ("akiba2019",) if self.own_paper is None else (self.own_paper, "akiba2019")


SAMPLERS: dict[str, Sampler] = {
    "bruteforce": Sampler(
        "BruteForceSampler", "Exhaustive search in random order, each architecture once; for small spaces, also conditional ones."
    ),
    "cmaes": Sampler(
        "CmaEsSampler",
        "CMA-ES; it models only numbers, so it answers every question of a space at random.",
        "hansen2016",
    ),
    "gp": Sampler(
        "GPSampler",
        "Bayesian optimization: a Gaussian process with expected improvement over the unconditional questions.",
        "ament2023",
    ),
    "grid": Sampler("GridSampler", "Grid search: every combination of answers once; for small spaces.", "bergstra2012"),
    "nsgaii": Sampler(
        "NSGAIISampler",
        "NSGA-II, a genetic algorithm with non-dominated sorting and crowding distance; for several objectives.",
        "deb2002",
    ),
    "nsgaiii": Sampler(
        "NSGAIIISampler",
        "NSGA-III, which selects by reference points; for three or more objectives.",
        "deb2014",
    ),
    "qmc": Sampler(
        "QMCSampler",
        "Quasi-Monte Carlo: a low-discrepancy sequence that covers the space evenly.",
        "bergstra2012",
    ),
    "random": Sampler("RandomSampler", "Random search by Optuna: each question is answered uniformly at random.", "bergstra2012"),
    "tpe": Sampler(
        "TPESampler",
        "The tree-structured Parzen estimator: proposes answers more frequent in good architectures than in bad ones.",
        "bergstra2011",
    ),
}
