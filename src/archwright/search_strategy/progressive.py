"""From small networks to large ones: the most promising of each size, by a surrogate's word, are extended to the next."""

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
TRIALS_A_LEVEL = 4


@dataclass(frozen=True)
class Sizes:
    """How many networks of the first level are trained, how many of each later one (K in the paper), and the last level (B)."""

    first: float
    beam: int
    levels: int

    def of(self, level: int) -> float:
        return self.first if level == 1 else self.beam


@dataclass(frozen=True)
class Progressive:
    """Liu et al. 2018, arXiv:1712.00559, Algorithm 1: all smallest networks, then the most promising extensions, level by level.

    A `surrogate` of five LSTMs, or of five MLPs on mean embeddings, learns from the results after each level (`steps` of Adam each)
    and ranks all extensions of that level's networks; the best `beam` are trained. Where neither sizes nor `trials` are given,
    `first` is all and `beam` 256, as in the paper; the budget gives `trials`, so that a short search trains a random share of the
    first level, has a smaller beam, and ends before the last level where it would have fewer than four networks for each.
    Differs: equal networks count once; of more than `most_extensions` a random choice is ranked; the surrogate learns which share
    of the results is worse (with several objectives by NSGA-II's crowded comparison) and not the score; a worker that is free
    before the level's results are there trains the next in rank; a budget that lasts beyond the last level goes on with its next.
    Each proposal's note holds its level, and from the second level on what was predicted: the share of results that it beats.
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
    """A cache of one ReplayedLevels, never the truth."""

    paper: ClassVar[str] = "Liu et al. 2018, Progressive neural architecture search, arXiv:1712.00559"

    def __post_init__(self) -> None:
        counts = ("first", "beam", "levels", "trials", "hidden", "steps", "most_extensions")
        check_settings(self, "strategy 'progressive'", **dict.fromkeys(counts, (1, inf)))

    def for_budget(self, trials: int | None) -> Self:
        return replace(self, trials=trials) if self.trials is None and trials else self

    def searched_space(self, space: SearchSpace) -> SearchSpace:
        """The space with its smaller architectures. Raises InputError where it does not say how architectures grow."""
        return _order_of(space).space

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        order = _order_of(space)
        if order.space != space:
            raise InputError(f"progressive goes through smaller networks than this {space.name!r} holds: search {order.space!r}")
        with one_thread():
            level = self._levels(order).follow(history)
        unknown = [extension for key, extension in level.ranking.items() if key not in history.keys]
        if not unknown:  # until the results are there, or because there is nothing left
            return Proposal(space.sample(rng))
        best = unknown[0] if level.number > 1 else rng.choice(unknown)
        return Proposal(best.architecture, parent=best.parent, note=best.note(level.number))

    def sizes(self, order: GrowthOrder) -> Sizes:
        """Those that were set; the others follow the number of trials."""
        if self.trials is None:
            return Sizes(self.first or inf, self.beam or PUBLISHED_BEAM, min(order.levels, self.levels or order.levels))
        levels = min(order.levels, self.levels or max(1, self.trials // TRIALS_A_LEVEL))
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
