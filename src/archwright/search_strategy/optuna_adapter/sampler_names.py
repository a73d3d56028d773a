"""Optuna's samplers by name, so that listing them does not import Optuna. A test compares with what Optuna has."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "optuna:"


class Sampler(NamedTuple):
    """A class of `optuna.samplers`, what it does, and the paper it follows where there is one."""

    class_name: str
    summary: str
    paper: str | None = None


SAMPLERS: dict[str, Sampler] = {
    "bruteforce": Sampler("BruteForceSampler", "Every architecture once, in random order; for small spaces, conditional ones too."),
    "cmaes": Sampler(
        "CmaEsSampler",
        "CMA-ES; it models numbers only, so every question of a space is answered at random.",
        "Hansen 2016, The CMA evolution strategy: a tutorial, arXiv:1604.00772",
    ),
    "gp": Sampler("GPSampler", "A Gaussian process with expected improvement over the questions that are always asked."),
    "grid": Sampler("GridSampler", "Every combination of answers once; for small spaces."),
    "nsgaii": Sampler(
        "NSGAIISampler",
        "A genetic algorithm by non-dominated fronts and crowding distance; for several objectives.",
        "Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II",
    ),
    "nsgaiii": Sampler(
        "NSGAIIISampler",
        "NSGA-II with reference points; for three objectives or more.",
        "Deb & Jain 2014, An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting",
    ),
    "qmc": Sampler(
        "QMCSampler",
        "A quasi-random sequence that covers the space evenly.",
        "Bergstra & Bengio 2012, Random search for hyper-parameter optimization",
    ),
    "random": Sampler("RandomSampler", "Uniform for each question, by Optuna."),
    "tpe": Sampler(
        "TPESampler",
        "The tree-structured Parzen estimator: what good architectures have more often than bad ones.",
        "Bergstra et al. 2011, Algorithms for hyper-parameter optimization",
    ),
}
