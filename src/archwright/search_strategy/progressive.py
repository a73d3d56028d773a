"""Progressive search, from small networks to large: a surrogate selects which extensions of each level are trained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from typing import Any, ClassVar, Literal, Self

from archwright.errors import InputError
from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_strategy.surrogates.one_thread import one_thread
from archwright.settings import check_settings

PUBLISHED_BEAM = 256
TRIALS_PER_LEVEL = 4


@dataclass(frozen=True)
class Sizes:
    """How many networks are trained at the first level and at each later one (K in the paper), and the number of levels (B)."""

    first: float
    beam: int
    levels: int

    def of(self, level: int) -> float:
        return self.first if level == 1 else self.beam


@dataclass(frozen=True)
class Progressive:
    """PNAS: the smallest networks first, then the most promising extensions (Liu et al. 2018, arXiv:1712.00559, Algorithm 1).

    After each level a `surrogate`, an ensemble of five LSTMs or of five MLPs on mean embeddings, is fitted to the results (`steps`
    of Adam per member) and ranks all extensions of that level's networks; the best `beam` are trained. If neither sizes nor
    `trials` are set, `first` is all and `beam` 256, as in the paper. The budget sets `trials`, so that a short search trains a
    random share of the first level, has a smaller beam, and ends before the last level where it would have fewer than four networks
    per level.
    Differs: equal networks count once; of more than `most_extensions`, a random subset is ranked; the surrogate predicts the share
    of results that are worse (with several objectives by NSGA-II's crowded comparison) instead of the score; a worker that is free
    before all results of a level are in trains the next in rank; a budget beyond the last level continues down its ranking. Each
    proposal's note holds its level and, from the second level on, the prediction: the share of results that it beats.
    """

    surrogate: Literal["lstm", "mlp"] = "lstm"
    first: int | None = None
    beam: int | None = None
    levels: int | None = None
    trials: int | None = None
    hidden: int = 100
    steps: int = 60
    most_extensions: int = 3000
    _replayed: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)
    """A cache of at most one ReplayedLevels: it can always be rebuilt from the history."""

    paper: ClassVar[str] = "liu2018"

    def __post_init__(self) -> None:
        counts = ("first", "beam", "levels", "trials", "hidden", "steps", "most_extensions")
        check_settings(self, "strategy 'progressive'", **dict.fromkeys(counts, (1, inf)))

    def for_budget(self, trials: int | None) -> Self:
        return replace(self, trials=trials) if self.trials is None and trials else self

    def searched_space(self, space: SearchSpace) -> SearchSpace:
        """The space including its smaller architectures. Raises InputError if it does not say how its architectures grow."""
        return _order_of(space).space

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        order = _order_of(space)
        if order.space != space:
            raise InputError(f"progressive starts from smaller networks than space {space.name!r} holds: search {order.space!r}")
        with one_thread():
            level = self._levels(order).catch_up(history)
        unknown = [extension for key, extension in level.ranking.items() if key not in history.keys]
        if not unknown:  # the results are not in yet, or nothing is left
            return Proposal(space.sample(rng))
        best = unknown[0] if level.number > 1 else rng.choice(unknown)
        return Proposal(best.architecture, parent=best.parent, note=best.note(level.number))

    def sizes(self, order: GrowthOrder) -> Sizes:
        """The sizes that were set; the others follow from the number of trials."""
        if self.trials is None:
            return Sizes(self.first or inf, self.beam or PUBLISHED_BEAM, min(order.levels, self.levels or order.levels))
        levels = min(order.levels, self.levels or max(1, self.trials // TRIALS_PER_LEVEL))
        beam = self.beam or max(1, self.trials // (levels + 1))
        return Sizes(self.first or max(1, self.trials - beam * (levels - 1)), beam, levels)

    def _levels(self, order: GrowthOrder) -> Any:
        from archwright.search_strategy.replay.replayed_levels import ReplayedLevels

        if not self._replayed or self._replayed[0].order.space != order.space:
            self._replayed[:] = [ReplayedLevels(order, self)]
        return self._replayed[0]


def _order_of(space: SearchSpace) -> GrowthOrder:
    order = space.growth_order()
    if order is None:
        raise InputError(
            f"space {space.name!r} does not say how its architectures grow, which progressive needs: "
            "give it a method growth_order, or use one of cell, chain, enas_macro, enas_micro, nasbench201, recurrent"
        )
    return order
