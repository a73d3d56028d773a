"""Regularized evolution: a tournament selects the parent, and the oldest member dies, not the worst."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import ClassVar, Self

from archwright.architecture.variation import questions_asked
from archwright.errors import UnknownSetting
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.evaluate.pareto import fitness
from archwright.search_space import SearchSpace

PUBLISHED_POPULATION = 100


@dataclass(frozen=True)
class RegularizedEvolution:
    """Regularized (aging) evolution by mutation: the oldest die, not the worst (Real et al. 2019, arXiv:1802.01548, Algorithm 1).

    `population_size` is P in the paper; if unset, a quarter of the trials, between 4 and the paper's 100. `sample_size` is S; if
    unset, a quarter of the population, at least 2 (25 for a population of 100, as in the paper).
    Differs: with several objectives the tournament compares by Pareto front and crowding distance in the population (NSGA-II).
    """

    population_size: int | None = None
    sample_size: int | None = None

    paper: ClassVar[str] = "real2019"

    def __post_init__(self) -> None:
        for name in ("population_size", "sample_size"):
            size = getattr(self, name)
            if size is not None and size < 1:
                raise UnknownSetting(f"strategy 'regularized_evolution', setting {name!r}: {size} is too small: give at least 1")

    def for_budget(self, trials: int | None) -> Self:
        if self.population_size is not None or trials is None:
            return self
        return replace(self, population_size=min(PUBLISHED_POPULATION, max(4, trials // 4)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        size = self.population_size or PUBLISHED_POPULATION
        population = _youngest(history, size)  # the oldest die, not the worst
        if len(population) < size:  # the initial population is random
            return Proposal(space.sample(rng))
        fitnesses = fitness(population)
        sample = rng.choices(range(size), k=self.sample_size or max(2, size // 4))
        parent = population[max(sample, key=fitnesses.__getitem__)]
        if not _is_mutable(space, parent):
            return Proposal(parent.architecture, parent=parent.number)
        return Proposal(space.mutate(parent.architecture, rng), parent=parent.number)  # one child per cycle


def _youngest(history: History, size: int) -> list[Candidate]:
    """The last `size` candidates to finish. Differs: failed trainings have no accuracy and never join the population."""
    return list(islice((candidate for candidate in reversed(history.finished) if candidate.scores), size))


def _is_mutable(space: SearchSpace, candidate: Candidate) -> bool:
    """Whether any of its questions has another option: false in a space of one architecture."""
    return any(len(question.options) > 1 for question in questions_asked(space.decide, candidate.architecture.answers).values())
