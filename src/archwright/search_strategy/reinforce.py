"""A controller trained by reinforcement learning: it raises the probability of the architectures that score well."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, dropwhile
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from archwright.evaluate.history import WORST, Candidate, History, Proposal
from archwright.evaluate.pareto import fitness
from archwright.search_space import SearchSpace
from archwright.search_strategy.surrogates.one_thread import one_thread
from archwright.settings import check_settings

if TYPE_CHECKING:
    from archwright.search_strategy.replay.replayed_controller import ReplayedController

PUBLISHED_BATCH = 20


@dataclass(frozen=True)
class Reinforce:
    """Reinforcement learning: an LSTM controller, trained by REINFORCE or PPO (Zoph & Le 2017, arXiv:1611.01578).

    The controller is updated after each `batch` of results; if unset, a fortieth of the trials, between 2 and NASNet's 20. The
    baseline is a moving average of the rewards with `baseline_decay`. `algorithm` ppo is NASNet's (arXiv:1707.07012): `ppo_steps`
    updates on each batch, with ratios clipped to 1 +- `clip`. `hidden`: units of the LSTM. `entropy`: weight of the entropy bonus.
    Each proposal's note holds its log-probability, for the importance weights of results that an older controller sampled.
    Differs: learning rate and entropy bonus exceed the papers' (0.0006, 0.00035; 0.00001), to suit a few hundred trials; advantages
    are divided by the standard deviation of the rewards, as a score may have any unit. A failed or refused network counts as the
    worst before it. With several objectives the reward is the share of recent results below it in NSGA-II's crowded comparison.
    """

    algorithm: Literal["reinforce", "ppo"] = "reinforce"
    batch: int | None = None
    learning_rate: float = 0.005
    entropy: float = 0.1
    baseline_decay: float = 0.95
    hidden: int = 100
    clip: float = 0.2
    ppo_steps: int = 4
    temperature: float | None = None
    tanh_constant: float | None = None
    _replayed: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)
    """A cache of at most one ReplayedController: it can always be rebuilt from the history."""

    paper: ClassVar[tuple[str, ...]] = ("zoph2017", "zoph2018")

    def __post_init__(self) -> None:
        ranges = dict.fromkeys(("batch", "hidden", "ppo_steps"), (1, inf))
        rates = dict.fromkeys(("learning_rate", "entropy"), (0.0, inf))
        shares = {"baseline_decay": (0.0, 1.0), "clip": (0.0, 1.0), "temperature": (1e-3, inf), "tanh_constant": (1e-3, inf)}
        check_settings(self, "strategy 'reinforce'", **ranges, **rates, **shares)

    def for_budget(self, trials: int | None) -> Self:
        if self.batch is not None or trials is None:
            return self
        return replace(self, batch=min(PUBLISHED_BATCH, max(2, trials // 40)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        with one_thread():
            sampled = self._controller(space, results_of(history)).sample(space.decide, rng)
        return Proposal(space.architecture(sampled.answers), note={"log_prob": float(sampled.log_prob)})

    def _controller(self, space: SearchSpace, results: list[Candidate]) -> ReplayedController:
        """The controller, updated with all full batches of these results."""
        from archwright.search_strategy.replay.replayed_controller import ReplayedController

        if not self._replayed or not self._replayed[0].can_catch_up(space, results):
            self._replayed[:] = [ReplayedController(space, self, self.batch or PUBLISHED_BATCH)]
        replayed: ReplayedController = self._replayed[0]
        replayed.catch_up(results)
        return replayed


def results_of(history: History) -> list[Candidate]:
    """The results that the controller learns from, as they came in: refused ones after the last that their proposal had seen.

    Only architectures that a controller sampled count, duplicates as often as sampled; failures before the first score are left
    out.
    """
    arrivals = [*enumerate(history.finished, start=1), *((candidate.seen, candidate) for candidate in history.refused)]
    in_order = [candidate for _, candidate in sorted(arrivals, key=lambda pair: pair[0]) if "log_prob" in candidate.note]
    return list(dropwhile(lambda candidate: candidate.scores is None, in_order))


def rewards_of(results: Sequence[Candidate], latest: int) -> list[float]:
    """The rewards of the `latest` results: the score of each, or the worst before it where it has none.

    With several objectives, the share of these results that are worse.
    """
    if any(len(candidate.scores or ()) > 1 for candidate in results):
        fitnesses = fitness(results[-latest:])
        ranked = sorted(fitnesses)
        return [bisect_left(ranked, one) / len(ranked) for one in fitnesses]
    scores = [candidate.score for candidate in results]
    worst = accumulate((inf if score == WORST else score for score in scores), min)
    return [max(pair) for pair in zip(scores, worst, strict=True)][-latest:]
