"""How a run's time is divided, and what fits into it.

With `--minutes` the wall-clock time is divided between search, final trainings and baselines; how many epochs fit is
worked out from measured epoch times. With `--trials` nothing depends on a clock, so the same command gives the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Any

from archwright.errors import UnknownSetting

TRIALS_AIMED_AT = 20
"""Trainings a strategy should get out of its time: fewer are hardly a search."""
MULTI_FIDELITY_FACTOR = 4
"""How many times as long a full training may be where most networks get a part of one: a part of the usual would be hardly any."""
LEAST_SEARCH_EPOCHS = 0.25
"""A candidate that sees less of the data than this in its training is refused."""
LEAST_FINAL_EPOCHS = 4.0
"""A final training shorter than this says little about a network."""
SCORING_SHARE = 0.05
"""Of the time that a one-shot strategy's search may take, for scoring the candidates with its supernet's weights."""
CLOSING_SHARE, CLOSING_SECONDS = 0.06, 30.0
"""Kept back for the export and the report: this share of all time, at most these seconds."""
LEAST_SECONDS = 1.0
"""A run whose time went by while it measured plans as if so much were left: what always is trained has to have a plan."""


@dataclass(frozen=True)
class Budget:
    """`--set budget.KEY=VALUE`: the shares of a run's time, and the epochs where they are to be fixed by hand.

    `supernet`: the part of a one-shot strategy's search that trains its supernet; the rest is for what that finds.
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
            raise UnknownSetting(f"budget: the shares of search, final and baselines are {shares}: they must add up to 1")
        if not 0 < self.supernet < 1:
            raise UnknownSetting(f"budget, setting 'supernet': {self.supernet} is out of range: give a share between 0 and 1")
        for name in ("search_epochs", "final_epochs"):
            epochs = getattr(self, name)
            if epochs is not None and epochs <= 0:
                raise UnknownSetting(f"budget, setting {name!r}: {epochs} is out of range: give a number above 0")
        if self.search == 0 or self.final == 0:
            raise UnknownSetting("budget: search and final need a share above 0")


@dataclass(frozen=True)
class TimePlan:
    """What one run's trainings may cost. Seconds are of one worker, so that a training on two devices lasts half as many;
    None means without a limit.

    `search_epochs`, `final_epochs`, `supernet_epochs`: the most epochs of a training. `search_goal`, `final_goal`, `baseline_goal`,
    `supernet_goal`: seconds that a training aims to fill. `epoch_limit`: seconds an epoch may take before a candidate is refused.
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
    """Epochs enough to train a network of this library well: about 1.2 million samples seen, between 20 and 80 epochs."""
    return int(min(80, max(20, 1_200_000 // max(n_train, 1))))


def plan_by_trials(n_train: int, epochs: int | None, seeds: int, top_k: int, trials: int, budget: Budget) -> TimePlan:
    """No clock: all trainings take `epochs`; where that was not given, the search's take a quarter of the usual."""
    final = budget.final_epochs or epochs or usual_epochs(n_train)
    search = budget.search_epochs or epochs or max(1, final // 4)
    return TimePlan(search, final, seeds, top_k, expected_trials=trials, supernet_epochs=epochs or usual_epochs(n_train))


@dataclass(frozen=True)
class AvailableTime:
    """What there is to divide: seconds left of the run, workers, and how many share them.

    `devices`: how many workers a final training, a baseline or a supernet takes.
    """

    seconds: float
    workers: int
    strategies: int
    devices: int = 1

    @property
    def usable(self) -> float:
        """Worker-seconds for training: all but what closing the run takes."""
        seconds = max(self.seconds, LEAST_SECONDS)
        return (seconds - min(CLOSING_SECONDS, CLOSING_SHARE * seconds)) * self.workers

    @property
    def at_a_time(self) -> int:
        """How many trainings that take several workers there can be at once."""
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
    """Seconds for each training, from the measured seconds an epoch of some networks of the space.

    `final_epoch_seconds`: of workers, where a final training takes several and so is measured apart.

    Trainings of one stage get equal time, and a quick network more epochs in it: the search ranks candidates as the final
    trainings will. The search's are as long as leaves room for twenty of them a strategy. Where a final training would be too
    short for the quickest network measured, fewer seeds are trained (the caller says so). Candidates slower than the typical
    network are refused where a final training would not get a third of the most epochs.
    """
    typical, of_final = median(epoch_seconds), final_epoch_seconds or epoch_seconds
    most = float(budget.final_epochs or epochs or usual_epochs(n_train))
    search_epochs = budget.search_epochs or most
    search_seconds = budget.search * available.usable / available.strategies
    supernet_seconds = min(
        search_seconds, budget.search * available.usable / available.workers * available.devices
    )  # it is one training
    search_goal = None if budget.search_epochs else search_seconds / TRIALS_AIMED_AT
    one_trial = inf if search_goal is None else max(search_goal, LEAST_SEARCH_EPOCHS * typical)
    least = min(most, LEAST_FINAL_EPOCHS)
    while seeds > 1 and _goal(budget.final, available, available.strategies * top_k * seeds) < least * min(of_final):
        seeds -= 1
    final_goal = _goal(budget.final, available, available.strategies * top_k * seeds)
    slowest = final_goal / max(least, most / 3) * typical / median(of_final)
    if search_goal is not None:
        slowest = min(slowest, search_goal / LEAST_SEARCH_EPOCHS)
    return TimePlan(
        search_epochs=search_epochs,
        final_epochs=most,
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
    """Worker-seconds a training: the share of their time, divided by the trainings; workers left idle in the last round count."""
    rounds = -(-trainings // available.at_a_time)
    return share * available.usable / available.workers / rounds * available.devices
