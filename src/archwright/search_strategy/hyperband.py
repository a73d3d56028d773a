"""Hyperband: successive halving with several answers to how much a network must be trained before it can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf
from random import Random
from typing import ClassVar, Self

from archwright.evaluate.history import Candidate, History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import limitations
from archwright.search_strategy.successive_halving.inner_strategy import inner_strategy, new_network
from archwright.search_strategy.successive_halving.rungs import beginnings, epochs_each, full_epochs, promotion, rungs
from archwright.settings import check_settings


@dataclass(frozen=True)
class Hyperband:
    """Li et al. 2018, arXiv:1603.06560, Algorithm 1: brackets s = s_max, ..., 1, 0 of successive halving, one after the other.

    Bracket s begins n = ceil((s_max + 1) / (s + 1) * eta^s) networks with R / eta^s epochs each; R is a full training of the
    search. `least_epochs` (left unset R / eta^2, and at least one) bounds s_max. New networks come from the strategy `around`,
    whose sizes follow the number of networks that `trials` full trainings pay for.
    Differs: brackets are asynchronous, as in Li et al. 2020, arXiv:1810.05934, section 3: nobody waits for a rung to be full. A
    network is promoted once it is among the best 1 / eta of its rung in all brackets of its kind so far.
    """

    eta: int = 3
    least_epochs: float | None = None
    around: str = "random"
    trials: int | None = None

    paper: ClassVar[str] = (
        "Li et al. 2018, Hyperband: A novel bandit-based approach to hyperparameter optimization, arXiv:1603.06560"
    )

    def __post_init__(self) -> None:
        check_settings(self, "strategy 'hyperband'", eta=(2, 100), least_epochs=(1, inf), trials=(1, inf))
        inner_strategy(self.around, None, "hyperband")

    def for_budget(self, trials: int | None) -> Self:
        return self if self.trials is not None else replace(self, trials=trials)

    def fidelities(self, epochs: float) -> tuple[float, ...]:
        return rungs(epochs, self.eta, self.least_epochs, "hyperband")

    def limitations(self, space: SearchSpace) -> str | None:
        return limitations(inner_strategy(self.around, None, "hyperband"), space)

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        epochs = full_epochs(history, "hyperband")
        ladder = self.fidelities(epochs)
        began = beginnings(history)
        for first in ladder:  # the boldest bracket first, s = s_max
            climbers = [candidate for candidate in history.finished if began[candidate.number].epochs == first]
            promoted = promotion(history, climbers, ladder[ladder.index(first) :], self.eta)
            if promoted is not None:
                return promoted
        networks = round(self.trials * epochs / self._epochs_each(ladder)) if self.trials is not None else None
        strategy = inner_strategy(self.around, networks, "hyperband")
        return new_network(strategy, space, history, rng, self._first_rung(ladder, history.candidates))

    def _first_rung(self, ladder: Sequence[float], candidates: Sequence[Candidate]) -> float:
        """Where the next network begins: the brackets take turns, each with as many networks as it has places."""
        begun = sum(c.continues is None and c.state not in ("duplicate", "refused") for c in candidates)
        places = bracket_sizes(len(ladder), self.eta)
        ends = list(accumulate(places))
        return next(first for first, end in zip(ladder, ends, strict=True) if begun % ends[-1] < end)

    def _epochs_each(self, ladder: Sequence[float]) -> float:
        """The epochs that a new network costs on average over all brackets."""
        places = bracket_sizes(len(ladder), self.eta)
        return sum(n * epochs_each(ladder[i:], self.eta) for i, n in enumerate(places)) / sum(places)


def bracket_sizes(brackets: int, eta: int) -> tuple[int, ...]:
    """How many networks each bracket begins with, s = s_max, ..., 1, 0 (line 3 of Algorithm 1)."""
    return tuple(-(-brackets * eta**s // (s + 1)) for s in reversed(range(brackets)))
