"""A genetic algorithm: crossover of two selected parents, mutation, and elitist survival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar, Self

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import Candidate, History, Proposal, key_of
from archwright.evaluate.pareto import Fitness, survivors
from archwright.search_space import SearchSpace
from archwright.settings import check_settings

PUBLISHED_POPULATION = 100
MOST_MUTATIONS = 50
"""How often a child that is already known is mutated before it is proposed as it is."""


@dataclass(frozen=True)
class Genetic:
    """Genetic algorithm (NSGA-II): tournaments, crossover, mutation and elitist survival (Deb et al. 2002, section III-C).

    `population_size` is N in the paper; if unset, a fifteenth of the trials, between 4 and the paper's 100. Two parents are
    selected, each the best of `tournament_size`. With probability `crossover` each of the child's answers comes from either parent
    with equal probability, otherwise all come from the first; then one answer is mutated with probability `mutation`. With one
    objective the higher score is better, with several the better front and then the larger crowding distance.
    Differs: there are no generations: each result competes at once with all earlier ones, each network once, so that no worker
    waits. A child that is already known is mutated until it is new, as known networks teach nothing. Tournaments are of four
    instead of two, since far fewer networks can be evaluated than the paper's test functions.
    """

    population_size: int | None = None
    tournament_size: int = 4
    crossover: float = 0.9
    mutation: float = 0.2

    paper: ClassVar[str] = "deb2002"

    def __post_init__(self) -> None:
        ranges = {"population_size": (2, 100_000), "tournament_size": (1, 1000), "crossover": (0.0, 1.0), "mutation": (0.0, 1.0)}
        check_settings(self, "strategy 'genetic'", **ranges)

    def for_budget(self, trials: int | None) -> Self:
        if self.population_size is not None or trials is None:
            return self
        return replace(self, population_size=min(PUBLISHED_POPULATION, max(4, trials // 15)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        size = self.population_size or PUBLISHED_POPULATION
        if len(history.complete) < size:  # the initial population is random
            return Proposal(space.sample(rng))
        population = survivors(history.complete, size)
        mother, father = self._tournament(population, rng), self._tournament(population, rng)
        child = mother.architecture
        if rng.random() < self.crossover:
            child = space.crossover(mother.architecture, father.architecture, rng)
        if rng.random() < self.mutation:
            child = space.mutate(child, rng)
        return Proposal(_mutated_until_new(space, child, history, rng), parent=mother.number)

    def _tournament(self, population: Sequence[tuple[Candidate, Fitness]], rng: Random) -> Candidate:
        return max(rng.choices(population, k=self.tournament_size), key=lambda member: member[1])[0]


def _mutated_until_new(space: SearchSpace, child: Architecture, history: History, rng: Random) -> Architecture:
    for _ in range(MOST_MUTATIONS):
        if key_of(space, child) not in history.keys:
            return child
        child = space.mutate(child, rng)
    return child
