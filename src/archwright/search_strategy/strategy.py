"""Where to look next, given everything seen so far."""

from __future__ import annotations

from random import Random
from typing import Protocol, Self, runtime_checkable

from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace


class Strategy(Protocol):
    """A pure function of the space, the history and the random numbers: nothing else is state.

    So a strategy resumes from the ledger, runs asynchronously on any number of workers and repeats from a seed, without a line
    of its own about any of that. A class of settings: a frozen dataclass whose first docstring line names the paper.
    """

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        """The architecture to try next, known or not. Raises InputError where the strategy cannot search such a space."""
        ...


@runtime_checkable
class SizedStrategy(Strategy, Protocol):
    """A strategy whose unset sizes follow the budget."""

    def for_budget(self, trials: int | None) -> Self:
        """This strategy with its unset sizes chosen for that many trials (None: nobody knows)."""
        ...


@runtime_checkable
class LimitedStrategy(Strategy, Protocol):
    """A strategy that cannot model all of some spaces, and says so."""

    def limitations(self, space: SearchSpace) -> str | None:
        """What it answers without regard to the history there, in one sentence; None where there is nothing to say."""
        ...


@runtime_checkable
class WideningStrategy(Strategy, Protocol):
    """A strategy that goes through architectures beside those that were asked for."""

    def searched_space(self, space: SearchSpace) -> SearchSpace:
        """The space with them, which `propose` has to be given. Raises InputError where the strategy cannot search the space."""
        ...


@runtime_checkable
class MultiFidelityStrategy(Strategy, Protocol):
    """A strategy that judges most networks after a part of a full training, and trains the best of them on.

    It needs a study that trains (`History.epochs`): a table of results or somebody's Optuna trials have but one fidelity.
    """

    def fidelities(self, epochs: float) -> tuple[float, ...]:
        """The epochs after which it judges networks whose full training takes `epochs`: rising, the last is the full training."""
        ...


def sized_for_budget(strategy: Strategy, trials: int | None) -> Strategy:
    """The strategy with its unset sizes chosen for `trials`, the expected number of trainings where only a time is given.

    A strategy that has no such sizes is returned as it is.
    """
    return strategy.for_budget(trials) if isinstance(strategy, SizedStrategy) else strategy


def limitations(strategy: Strategy, space: SearchSpace) -> str | None:
    """What the strategy cannot model in this space, in one sentence for the user; None where there is nothing to say."""
    return strategy.limitations(space) if isinstance(strategy, LimitedStrategy) else None


def searched_space(strategy: Strategy, space: SearchSpace) -> SearchSpace:
    """The space that the strategy searches where `space` is asked for: the same, but of a strategy that needs a larger one."""
    return strategy.searched_space(space) if isinstance(strategy, WideningStrategy) else space
