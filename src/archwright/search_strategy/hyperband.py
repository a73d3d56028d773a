"""Hyperband: brackets of successive halving, each with a different minimum training before networks are compared."""

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
from archwright.search_strategy.successive_halving.rungs import (
    first_trainings,
    full_epochs,
    mean_epochs_per_network,
    promotion,
    rungs,
)
from archwright.settings import check_settings


@dataclass(frozen=True)
class Hyperband:
    """Hyperband: successive halving in brackets s = s_max, ..., 1, 0 (Li et al. 2018, arXiv:1603.06560, Algorithm 1).

    Bracket s starts n = ceil((s_max + 1) / (s + 1) * eta^s) networks with R / eta^s epochs each; R is a full training of the
    search. `least_epochs` (if unset, R / eta^2, and at least one epoch) bounds s_max. New networks are proposed by the strategy
    `around`, whose sizes follow from the number of new networks that cost as many epochs as `trials` full trainings.
    Differs: brackets are asynchronous, as in Li et al. 2020, arXiv:1810.05934, section 3: no worker waits for a full rung. A
    network is promoted once it is among the best 1 / eta of its rung over all brackets with the same s so far.
    """

    eta: int = 3
    least_epochs: float | None = None
    around: str = "random"
    trials: int | None = None

    paper: ClassVar[tuple[str, ...]] = ("li2018", "li2020asha")

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
        first_training = first_trainings(history)
        for first in ladder:  # the most aggressive bracket first, s = s_max
            candidates = [candidate for candidate in history.finished if first_training[candidate.number].epochs == first]
            promoted = promotion(history, candidates, ladder[ladder.index(first) :], self.eta)
            if promoted is not None:
                return promoted
        networks = round(self.trials * epochs / self._mean_epochs_per_network(ladder)) if self.trials is not None else None
        strategy = inner_strategy(self.around, networks, "hyperband")
        return new_network(strategy, space, history, rng, self._first_rung(ladder, history.candidates))

    def _first_rung(self, ladder: Sequence[float], candidates: Sequence[Candidate]) -> float:
        """The rung where the next network starts: the brackets take turns, each with its number of networks."""
        begun = sum(c.continues is None and c.state not in ("duplicate", "refused") for c in candidates)
        sizes = bracket_sizes(len(ladder), self.eta)
        ends = list(accumulate(sizes))
        return next(first for first, end in zip(ladder, ends, strict=True) if begun % ends[-1] < end)

    def _mean_epochs_per_network(self, ladder: Sequence[float]) -> float:
        """The epochs that a new network costs, a mean over all brackets."""
        sizes = bracket_sizes(len(ladder), self.eta)
        return sum(n * mean_epochs_per_network(ladder[i:], self.eta) for i, n in enumerate(sizes)) / sum(sizes)


def bracket_sizes(brackets: int, eta: int) -> tuple[int, ...]:
    """n, the number of networks that each bracket starts with, for s = s_max, ..., 1, 0 (line 3 of Algorithm 1)."""
    return tuple(-(-brackets * eta**s // (s + 1)) for s in reversed(range(brackets)))
