"""The levels of a progressive search, rebuilt from the history (Liu et al. 2018, arXiv:1712.00559, Algorithm 1)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import Candidate, History, key_of
from archwright.evaluate.pareto import fitness
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_strategy.surrogates.sequence_surrogate import SequenceSurrogate

if TYPE_CHECKING:
    from archwright.search_strategy.progressive import Progressive


@dataclass(frozen=True)
class Extension:
    """A network of a level, the number of the candidate that it extends, and the score that the surrogate predicts."""

    architecture: Architecture
    parent: int | None = None
    predicted: float | None = None

    def note(self, level: int) -> dict[str, Any]:
        """The note of its proposal."""
        return {"level": level} if self.predicted is None else {"level": level, "predicted": round(self.predicted, 4)}


@dataclass(frozen=True)
class Level:
    """One round of Algorithm 1, which starts after `begin` results: `size` of the networks in `ranking` are to be trained.

    `extensions`: all networks of the level by key (S'_b in the paper). `ranking`: those that were not yet known, the best first.
    """

    number: int
    begin: int
    size: float
    extensions: Mapping[str, Extension]
    ranking: Mapping[str, Extension]

    def end(self, history: History) -> int | None:
        """The number of results when the last result of the level is in; None while some are outstanding."""
        refused = sum(candidate.key in self.ranking for candidate in history.refused)
        needed, arrived = min(self.size, len(self.ranking) - refused), set()
        if needed <= 0:
            return self.begin
        for count, candidate in enumerate(history.finished[self.begin :], start=self.begin + 1):
            if candidate.key in self.ranking:
                arrived.add(candidate.key)
                if len(arrived) >= needed:
                    return count
        return None


class ReplayedLevels:
    """The levels so far, and the surrogate that ranked the last one."""

    def __init__(self, order: GrowthOrder, settings: Progressive) -> None:
        self.order = order
        self.settings = settings
        self.sizes = settings.sizes(order)
        self._restart()

    def _restart(self) -> None:
        settings = self.settings
        self.surrogate = SequenceSurrogate(self.order.space.questions(), settings.surrogate, settings.hidden, settings.steps)
        self.results_at_start: list[Candidate] = []  # the results at the start of the last level
        smallest = self._extended(1, [None])
        self.levels = [Level(1, 0, self.sizes.first, smallest, smallest)]

    def catch_up(self, history: History) -> Level:
        """The current level of the history. Starts over if the levels held so far belong to another history."""
        if not self._can_catch_up(history):
            self._restart()
        while (end := self._end_of_last(history)) is not None:
            self._next_level(history.finished[:end])
        return self.levels[-1]

    def _can_catch_up(self, history: History) -> bool:
        ends = [level.end(history) for level in self.levels[:-1]]
        return self.results_at_start == list(history.finished[: len(self.results_at_start)]) and ends == [
            level.begin for level in self.levels[1:]
        ]

    def _end_of_last(self, history: History) -> int | None:
        """None also if no new results came at the last level: ranking its networks again would change nothing."""
        level = self.levels[-1]
        end = level.end(history)
        return None if end == level.begin and level.number == self.sizes.levels else end

    def _next_level(self, finished: Sequence[Candidate]) -> None:
        """Fits the surrogate to all results so far, and ranks the extensions of the level's networks (S_b in the paper).

        After the last level the same extensions are ranked again.
        """
        last, known = self.levels[-1], _distinct(finished)
        number = min(last.number + 1, self.sizes.levels)
        if known:
            self.surrogate.fit([candidate.architecture.answers for candidate in known], ranks_of(known))
        extensions = last.extensions
        if number > last.number:
            extensions = self._extended(number, _parents([candidate for candidate in known if candidate.key in extensions]))
        ranking = self._ranked(extensions, {candidate.key for candidate in known})
        self.results_at_start = list(finished)
        self.levels.append(Level(number, len(finished), self.sizes.beam, extensions, ranking))

    def _extended(self, number: int, parents: Sequence[Candidate | None]) -> dict[str, Extension]:
        """The extensions of these parents; equal networks count once, for the first parent that leads to them."""
        found: dict[str, Extension] = {}
        most, rng = self.settings.most_extensions // max(1, len(parents)), Random(number)
        for parent in parents:
            grown_from = parent.architecture if parent is not None else None
            for architecture in self.order.extensions(number, grown_from, max(1, most), rng):
                key = key_of(self.order.space, architecture)
                found.setdefault(key, Extension(architecture, parent.number if parent is not None else None))
        return found

    def _ranked(self, extensions: Mapping[str, Extension], known: Set[str]) -> dict[str, Extension]:
        """The extensions that are not known, by predicted score, the best first."""
        new = {key: extension for key, extension in extensions.items() if key not in known}
        predicted = self.surrogate.predict([extension.architecture.answers for extension in new.values()])
        ranked = sorted(zip(new, predicted, strict=True), key=lambda pair: pair[1], reverse=True)
        return {key: replace(new[key], predicted=score) for key, score in ranked}


def _distinct(finished: Sequence[Candidate]) -> list[Candidate]:
    """Each network once."""
    first: dict[str, Candidate] = {}
    for candidate in finished:
        first.setdefault(candidate.key, candidate)
    return list(first.values())


def _parents(members: Sequence[Candidate]) -> list[Candidate]:
    """The networks to extend: those with a score, or all if none has one."""
    return [member for member in members if member.scores] or list(members)


def ranks_of(candidates: Sequence[Candidate]) -> list[float]:
    """For each candidate, the share of them that are worse, from 0 to 1; failures are worse than all others."""
    fitnesses = fitness(candidates)
    ranked = sorted(fitnesses)
    return [bisect_left(ranked, one) / max(1, len(ranked) - 1) for one in fitnesses]
