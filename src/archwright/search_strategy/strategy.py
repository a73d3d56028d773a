"""What a search strategy is: which architecture to try next, given the history of the search."""

from __future__ import annotations

from random import Random
from typing import Protocol, Self, runtime_checkable

from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace


class Strategy(Protocol):
    """A pure function of the space, the history and the random numbers; it has no other state.

    A strategy therefore resumes from the ledger, runs asynchronously on any number of workers and is reproducible from a seed,
    without any code of its own for this. It is a frozen dataclass of settings whose first docstring line names the paper.
    """

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        """The architecture to try next; it may be known already. Raises InputError if the strategy cannot search such a space."""
        ...


@runtime_checkable
class SizedStrategy(Strategy, Protocol):
    """A strategy whose sizes, where they are unset, depend on the budget."""

    def for_budget(self, trials: int | None) -> Self:
        """This strategy with its unset sizes chosen for that many trials (None: the number is unknown)."""
        ...


@runtime_checkable
class LimitedStrategy(Strategy, Protocol):
    """A strategy that cannot model every question of some spaces, and says so."""

    def limitations(self, space: SearchSpace) -> str | None:
        """Which questions of the space it answers without using the history, in one sentence; None if there are none."""
        ...


@runtime_checkable
class WideningStrategy(Strategy, Protocol):
    """A strategy that also trains architectures outside the space that was asked for."""

    def searched_space(self, space: SearchSpace) -> SearchSpace:
        """The larger space that `propose` must be given. Raises InputError if the strategy cannot search the space."""
        ...


@runtime_checkable
class MultiFidelityStrategy(Strategy, Protocol):
    """A strategy that evaluates most networks at low fidelity, after part of a full training, and continues training the best.

    It needs a study that trains (`History.epochs`): a table of results or a user's own Optuna trials have only one fidelity.
    """

    def fidelities(self, epochs: float) -> tuple[float, ...]:
        """The epochs after which it evaluates networks, ascending; the last is the full training, `epochs`."""
        ...


def sized_for_budget(strategy: Strategy, trials: int | None) -> Strategy:
    """The strategy with its unset sizes chosen for `trials`: the expected number of trainings where only a time limit is given.

    A strategy without such sizes is returned unchanged.
    """
    return strategy.for_budget(trials) if isinstance(strategy, SizedStrategy) else strategy


def limitations(strategy: Strategy, space: SearchSpace) -> str | None:
    """What the strategy cannot model in this space, in one sentence for the user; None if it models everything."""
    return strategy.limitations(space) if isinstance(strategy, LimitedStrategy) else None


def searched_space(strategy: Strategy, space: SearchSpace) -> SearchSpace:
    """The space that the strategy searches when `space` is asked for: `space` itself, unless the strategy needs a larger one."""
    return strategy.searched_space(space) if isinstance(strategy, WideningStrategy) else space
