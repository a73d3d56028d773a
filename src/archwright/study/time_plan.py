"""How a run's time is divided, and what fits into it.

With `--minutes` the wall-clock time is divided between search, final trainings and baselines, and the number of epochs that fit
is computed from measured epoch times. With `--trials` nothing depends on a clock, so the same command gives the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Any

from archwright.errors import UnknownSetting

TRIALS_AIMED_AT = 20
"""Trainings that each strategy should get within its time: fewer are hardly a search."""
MULTI_FIDELITY_FACTOR = 4
"""With a multi-fidelity strategy a full training may take this many times as long, because most networks get only a part of it."""
LEAST_SEARCH_EPOCHS = 0.25
"""A candidate that would train for fewer epochs than this is refused."""
LEAST_FINAL_EPOCHS = 4.0
"""A final training shorter than this says little about a network."""
SCORING_SHARE = 0.05
"""Share of a one-shot method's search time that is used to score candidates with its supernet's weights."""
CLOSING_SHARE, CLOSING_SECONDS = 0.06, 30.0
"""Reserved for the export and the report: this share of all time, at most these seconds."""
LEAST_SECONDS = 1.0
"""A run that used up its time on measuring plans as if this much were left, because some trainings always take place."""


@dataclass(frozen=True)
class Budget:
    """`--set budget.KEY=VALUE`: the shares of a run's time, and the numbers of epochs if they are fixed by hand.

    `supernet`: the share of a one-shot method's search time that trains its supernet; the rest trains the derived candidates.
    """

    search: float = 0.4
    final: float = 0.4
    baselines: float = 0.2
    supernet: float = 0.8
    search_epochs: float | None = None
    final_epochs: int | None = None

    def __post_init__(self) -> None:
        shares = (self.search, self.final, self.baselines)
        if min(shares) < 0 or not 0.99 <= sum(shares) <= 1.01:
            raise UnknownSetting(
                f"budget: the shares of search, final and baselines are {shares}: give shares of at least 0 that add up to 1"
            )
        if not 0 < self.supernet < 1:
            raise UnknownSetting(f"budget, setting 'supernet': {self.supernet} is out of range: give a share between 0 and 1")
        for name in ("search_epochs", "final_epochs"):
            epochs = getattr(self, name)
            if epochs is not None and epochs <= 0:
                raise UnknownSetting(f"budget, setting {name!r}: {epochs} is out of range: give a number above 0")
        if self.search == 0 or self.final == 0:
            raise UnknownSetting("budget: the share of search or final is 0: give both a share above 0")


@dataclass(frozen=True)
class TimePlan:
    """What the trainings of a run may cost, in worker-seconds: a training on two devices lasts half as long. None means no limit.

    `search_epochs`, `final_epochs`, `supernet_epochs`: maximum epochs of a training. `search_goal`, `final_goal`, `baseline_goal`,
    `supernet_goal`: seconds that a training aims to fill. `epoch_limit`: a candidate is refused if an epoch takes more seconds.
    `scoring_goal`: seconds for scoring candidates with the weights of one supernet.
    """

    search_epochs: float
    final_epochs: float
    seeds: int
    top_k: int
    expected_trials: int | None = None
    search_goal: float | None = None
    final_goal: float | None = None
    baseline_goal: float | None = None
    epoch_limit: float | None = None
    supernet_epochs: float | None = None
    supernet_goal: float | None = None
    scoring_goal: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> TimePlan:
        return cls(**text)


def usual_epochs(n_train: int) -> int:
    """Enough epochs to train a network of this library well: about 1.2 million samples, between 20 and 80 epochs."""
    return int(min(80, max(20, 1_200_000 // max(n_train, 1))))


def plan_by_trials(n_train: int, epochs: int | None, seeds: int, top_k: int, trials: int, budget: Budget) -> TimePlan:
    """Without a clock: all trainings take `epochs`; by default those of the search take a quarter of the final ones."""
    final = budget.final_epochs or epochs or usual_epochs(n_train)
    search = budget.search_epochs or epochs or max(1, final // 4)
    return TimePlan(search, final, seeds, top_k, expected_trials=trials, supernet_epochs=epochs or usual_epochs(n_train))


@dataclass(frozen=True)
class AvailableTime:
    """The time to divide: the seconds left, the workers, and the number of strategies that share them.

    `devices`: the number of workers that a final training, a baseline or a supernet takes.
    """

    seconds: float
    workers: int
    strategies: int
    devices: int = 1

    @property
    def usable(self) -> float:
        """Worker-seconds for training: all except those reserved for the export and the report."""
        seconds = max(self.seconds, LEAST_SECONDS)
        return (seconds - min(CLOSING_SECONDS, CLOSING_SHARE * seconds)) * self.workers

    @property
    def at_a_time(self) -> int:
        """How many trainings on `devices` workers can run at the same time."""
        return max(1, self.workers // self.devices)


def plan_by_minutes(
    n_train: int,
    epochs: int | None,
    seeds: int,
    top_k: int,
    available: AvailableTime,
    budget: Budget,
    epoch_seconds: Sequence[float],
    final_epoch_seconds: Sequence[float] = (),
) -> TimePlan:
    """Seconds for each training, from the measured seconds per epoch of some networks of the space.

    `final_epoch_seconds`: in worker-seconds, if final trainings use several workers and were measured separately.

    Trainings of one stage get equal time, in which a fast network trains more epochs, so the search ranks candidates as the final
    trainings will. Search trainings are short enough for twenty per strategy. If a final training would be too short even for the
    fastest measured network, fewer seeds are trained (the caller reports it). Candidates slower than the typical network are
    refused if their final training would not reach a third of the maximum epochs.
    """
    typical, final_seconds = median(epoch_seconds), final_epoch_seconds or epoch_seconds
    most_epochs = float(budget.final_epochs or epochs or usual_epochs(n_train))
    search_epochs = budget.search_epochs or most_epochs
    search_seconds = budget.search * available.usable / available.strategies
    supernet_seconds = min(
        search_seconds, budget.search * available.usable / available.workers * available.devices
    )  # a supernet is one training, so it cannot use more
    search_goal = None if budget.search_epochs else search_seconds / TRIALS_AIMED_AT
    one_trial = inf if search_goal is None else max(search_goal, LEAST_SEARCH_EPOCHS * typical)
    least_epochs = min(most_epochs, LEAST_FINAL_EPOCHS)
    while seeds > 1 and _goal(budget.final, available, available.strategies * top_k * seeds) < least_epochs * min(final_seconds):
        seeds -= 1
    final_goal = _goal(budget.final, available, available.strategies * top_k * seeds)
    slowest = final_goal / max(least_epochs, most_epochs / 3) * typical / median(final_seconds)
    if search_goal is not None:
        slowest = min(slowest, search_goal / LEAST_SEARCH_EPOCHS)
    return TimePlan(
        search_epochs=search_epochs,
        final_epochs=most_epochs,
        seeds=seeds,
        top_k=top_k,
        expected_trials=max(1, round(search_seconds / min(one_trial, search_epochs * typical))),
        search_goal=search_goal,
        final_goal=final_goal,
        epoch_limit=max(slowest, typical),
        supernet_epochs=float(epochs or usual_epochs(n_train)),
        supernet_goal=budget.supernet * supernet_seconds,
        scoring_goal=SCORING_SHARE * supernet_seconds,
    )


def _goal(share: float, available: AvailableTime, trainings: int) -> float:
    """Worker-seconds per training of a stage with this share of the time; workers that idle in the last round count as used."""
    rounds = -(-trainings // available.at_a_time)
    return share * available.usable / available.workers / rounds * available.devices
