"""Asynchronous successive halving: whoever is free trains the best of a rung on, or begins a new network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import ClassVar, Self

from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import limitations
from archwright.search_strategy.successive_halving.inner_strategy import inner_strategy, new_network
from archwright.search_strategy.successive_halving.rungs import epochs_each, full_epochs, promotion, rungs
from archwright.settings import check_settings


@dataclass(frozen=True)
class ASHA:
    """Li et al. 2020, arXiv:1810.05934, Algorithm 2: the best 1 / `eta` of each rung are trained on, `eta` times as long.

    `least_epochs` is r in the paper, left unset R / eta^2 and at least one epoch; R is a full training of the search. The paper's s
    is 0. New networks come from the strategy `around`, whose sizes follow the number of networks that `trials` full trainings
    pay for.
    """

    eta: int = 4
    least_epochs: float | None = None
    around: str = "random"
    trials: int | None = None

    paper: ClassVar[str] = "Li et al. 2020, A system for massively parallel hyperparameter tuning, arXiv:1810.05934"

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
        networks = round(self.trials * epochs / epochs_each(ladder, self.eta)) if self.trials is not None else None
        return new_network(inner_strategy(self.around, networks, "asha"), space, history, rng, ladder[0])
