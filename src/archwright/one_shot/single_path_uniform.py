"""Single path one-shot (SPOS): uniformly sampled paths train the supernet, evolution searches it for the best path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, ClassVar

from archwright.architecture.architecture import Architecture
from archwright.architecture.variation import questions_asked
from archwright.evaluate.history import key_of
from archwright.one_shot.method import PathMethod, Score, check_options
from archwright.search_space import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.one_shot.single_path.path_search import PathSearch

TRIES = 20
"""Attempts to generate a new child before a random architecture is sampled instead."""


@dataclass(frozen=True)
class SinglePathUniform(PathMethod):
    """SPOS: uniform single-path training, then evolutionary search (Guo et al. 2020, arXiv:1904.00420, Algorithm 1).

    A generation has `population` members (P), half by crossover and half by mutation of the `best` (k) found so far, but at most a
    quarter of the evaluations; there are as many generations (T) as the evaluations allow.
    Differs: the weights are trained as in DARTS, on data like ours; a mutation changes one answer instead of each with
    probability 0.1; every network is scored once.
    """

    population: int = 50
    best: int = 10

    paper: ClassVar[str] = "guo2020"
    final_search: ClassVar[str] = "evolution"

    def __post_init__(self) -> None:
        check_options(self, "single_path_uniform", population=(2, inf), best=(1, inf))

    def step(self: PathMethod, search: PathSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of a uniformly sampled path descend the gradient of its L_train: W(a) with a ~ Gamma(A) in the paper."""
        return search.train_weights(x, y, search.sample("weights"))

    def find(self, space: SearchSpace, score: Score, evaluations: int, rng: Random) -> Sequence[tuple[Architecture, float]]:
        size = max(2, min(self.population, evaluations // 4))
        known: dict[str, tuple[Architecture, float]] = {}
        while len(known) < evaluations:
            before = len(known)
            best = _ranked(known)[: self.best]
            for i in range(min(size, evaluations - len(known))):
                child = _child(space, best, crossed=i % 2 == 0, known=known, rng=rng)
                key = key_of(space, child)
                if key not in known:
                    known[key] = child, score(child)
            if len(known) == before:  # the space is exhausted
                break
        return _ranked(known)


def _ranked(known: dict[str, tuple[Architecture, float]]) -> list[tuple[Architecture, float]]:
    """The best first, the earliest first among equals."""
    return sorted(known.values(), key=lambda pair: -pair[1])


def _child(
    space: SearchSpace,
    best: Sequence[tuple[Architecture, float]],
    *,
    crossed: bool,
    known: dict[str, tuple[Architecture, float]],
    rng: Random,
) -> Architecture:
    """A new architecture by crossover or mutation of the best; random if there are none yet, or none of their children is new."""
    for _ in range(TRIES if best else 0):
        parent = rng.choice(best)[0]
        child = space.crossover(parent, rng.choice(best)[0], rng) if crossed else _mutated_if_possible(space, parent, rng)
        if key_of(space, child) not in known:
            return child
    return space.sample(rng)


def _mutated_if_possible(space: SearchSpace, parent: Architecture, rng: Random) -> Architecture:
    changeable = any(len(question.options) > 1 for question in questions_asked(space.decide, parent.answers).values())
    return space.mutate(parent, rng) if changeable else parent
