"""Asynchronous successive halving: a free worker promotes one of the best networks of a rung, or starts a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import ClassVar, Self

from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import limitations
from archwright.search_strategy.successive_halving.inner_strategy import inner_strategy, new_network
from archwright.search_strategy.successive_halving.rungs import full_epochs, mean_epochs_per_network, promotion, rungs
from archwright.settings import check_settings


@dataclass(frozen=True)
class ASHA:
    """ASHA: the best 1 / `eta` of each rung get `eta` times the epochs (Li et al. 2020, arXiv:1810.05934, Algorithm 2).

    `least_epochs` is r in the paper; if unset, R / eta^2, and at least one epoch. R is a full training of the search; the paper's s
    is 0. New networks are proposed by the strategy `around`, whose sizes follow from the number of new networks that cost as many
    epochs as `trials` full trainings.
    """

    eta: int = 4
    least_epochs: float | None = None
    around: str = "random"
    trials: int | None = None

    paper: ClassVar[str] = "li2020asha"

    def __post_init__(self) -> None:
        check_settings(self, "strategy 'asha'", eta=(2, 100), least_epochs=(1, inf), trials=(1, inf))
        inner_strategy(self.around, None, "asha")

    def for_budget(self, trials: int | None) -> Self:
        return self if self.trials is not None else replace(self, trials=trials)

    def fidelities(self, epochs: float) -> tuple[float, ...]:
        return rungs(epochs, self.eta, self.least_epochs, "asha")

    def limitations(self, space: SearchSpace) -> str | None:
        return limitations(inner_strategy(self.around, None, "asha"), space)

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        epochs = full_epochs(history, "asha")
        ladder = self.fidelities(epochs)
        promoted = promotion(history, history.finished, ladder, self.eta)
        if promoted is not None:
            return promoted
        networks = round(self.trials * epochs / mean_epochs_per_network(ladder, self.eta)) if self.trials is not None else None
        return new_network(inner_strategy(self.around, networks, "asha"), space, history, rng, ladder[0])
