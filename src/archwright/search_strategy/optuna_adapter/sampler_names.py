"""Optuna's samplers by name, so that listing them does not import Optuna. A test compares the list with Optuna's."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "optuna:"


class Sampler(NamedTuple):
    """A class of `optuna.samplers`: its name, what it does, and its paper if there is one."""

    class_name: str
    summary: str
    paper: str | None = None


SAMPLERS: dict[str, Sampler] = {
    "bruteforce": Sampler(
        "BruteForceSampler", "Exhaustive search in random order, each architecture once; for small spaces, also conditional ones."
    ),
    "cmaes": Sampler(
        "CmaEsSampler",
        "CMA-ES; it models only numbers, so it answers every question of a space at random.",
        "Hansen 2016, The CMA evolution strategy: a tutorial, arXiv:1604.00772",
    ),
    "gp": Sampler(
        "GPSampler", "Bayesian optimization: a Gaussian process with expected improvement over the unconditional questions."
    ),
    "grid": Sampler("GridSampler", "Grid search: every combination of answers once; for small spaces."),
    "nsgaii": Sampler(
        "NSGAIISampler",
        "NSGA-II, a genetic algorithm with non-dominated sorting and crowding distance; for several objectives.",
        "Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II",
    ),
    "nsgaiii": Sampler(
        "NSGAIIISampler",
        "NSGA-III, which selects by reference points; for three or more objectives.",
        "Deb & Jain 2014, An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting",
    ),
    "qmc": Sampler(
        "QMCSampler",
        "Quasi-Monte Carlo: a low-discrepancy sequence that covers the space evenly.",
        "Bergstra & Bengio 2012, Random search for hyper-parameter optimization",
    ),
    "random": Sampler("RandomSampler", "Random search by Optuna: each question is answered uniformly at random."),
    "tpe": Sampler(
        "TPESampler",
        "The tree-structured Parzen estimator: proposes answers more frequent in good architectures than in bad ones.",
        "Bergstra et al. 2011, Algorithms for hyper-parameter optimization",
    ),
}
