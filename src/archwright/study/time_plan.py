"""How a run's time is divided, and what fits into it: minutes come in here once, and every training's seconds follow.

With `--minutes` the wall-clock time is divided between search, final trainings and baselines, and the number of epochs that fit
is computed from measured epoch times. With `--trials` nothing depends on a clock, so the same command gives the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from statistics import median
from typing import Any

from archwright.errors import UnknownSetting
from archwright.evaluate.job import Outcome, Stage
from archwright.study.request import Request

SPACE = "space"
"""The name under which the measured networks of the space are found, beside the names of the baselines."""
FINAL: Stage = "final"
"""The name under which they are found once more if final trainings use several devices, measured on these."""

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
FAIR_SHARE = 0.25
"""A baseline that gets less than this share of the maximum epochs is hardly trained."""
MEASUREMENT_MARGIN = 0.8
"""Allows for the limited accuracy of measured seconds per epoch."""


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
class Skipped:
    """Something that was requested but left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class TimePlan:
    """What the trainings of a run may cost, the baselines that fit, and what was left out. None means no limit.

    `search_epochs`, `final_epochs`, `supernet_epochs`: maximum epochs of a training. `search_goal`, `final_goal`, `baseline_goal`,
    `supernet_goal`: worker-seconds that a training aims to fill (one on two devices lasts half as long). `epoch_limit`: a candidate
    is refused if an epoch takes more seconds. `scoring_goal`: worker-seconds for scoring candidates with one supernet's weights.
    `search_until`, `final_until`: the time on the run's clock, in seconds, after which no further training of that stage begins.
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
    baselines: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    search_until: float | None = None
    final_until: float | None = None

    def seconds(self, stage: Stage, devices: int = 1, *, multi_fidelity: bool = False) -> float | None:
        """Seconds that one full training of this stage on so many devices aims to fill; None if its epochs are fixed."""
        goals = {
            "search": self.search_goal,
            "supernet": self.supernet_goal,
            "final": self.final_goal,
            "baseline": self.baseline_goal,
        }
        goal = goals.get(stage, self.scoring_goal)
        if goal is None:
            return None
        return (MULTI_FIDELITY_FACTOR * goal if multi_fidelity else goal) / devices

    def expected_trainings(self, *, multi_fidelity: bool) -> int | None:
        """How many full trainings a strategy may expect; None if nobody knows."""
        if self.expected_trials is None or self.search_goal is None or not multi_fidelity:
            return self.expected_trials
        return max(1, self.expected_trials // MULTI_FIDELITY_FACTOR)

    @property
    def limits(self) -> dict[str, Any]:
        """The numbers that limit trainings, as results.json shows them."""
        return self.to_json()["plan"]  # type: ignore[no-any-return]

    def to_json(self) -> dict[str, Any]:
        """As the ledger stores it."""
        limits = asdict(self)
        outside = {name: limits.pop(name) for name in OUTSIDE_LIMITS}
        return {"plan": limits, **outside}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TimePlan:
        return cls(
            **stored["plan"],
            baselines=tuple(stored["baselines"]),
            skipped=tuple(Skipped(**one) for one in stored["skipped"]),
            search_until=stored["search_until"],
            final_until=stored["final_until"],
        )


OUTSIDE_LIMITS = ("baselines", "skipped", "search_until", "final_until")


def usual_epochs(n_train: int) -> int:
    """Enough epochs to train a network of this library well: about 1.2 million samples, between 20 and 80 epochs."""
    return int(min(80, max(20, 1_200_000 // max(n_train, 1))))


def plan_by_trials(request: Request, budget: Budget, n_train: int) -> TimePlan:
    """Without a clock, everything that was requested is trained.

    All trainings take the requested epochs; by default those of the search take a quarter of the final ones.
    """
    final = budget.final_epochs or request.epochs or usual_epochs(n_train)
    return TimePlan(
        search_epochs=budget.search_epochs or request.epochs or max(1, final // 4),
        final_epochs=final,
        seeds=request.seeds,
        top_k=request.top_k,
        expected_trials=request.trials,
        supernet_epochs=request.epochs or usual_epochs(n_train),
        baselines=request.baselines or (),
    )


def plan_by_minutes(
    request: Request, budget: Budget, n_train: int, workers: int, measured: Mapping[str, Sequence[Outcome]], spent: float = 0.0
) -> TimePlan:
    """The plan of the time that is left after `spent` seconds of the run's clock, on so many workers.

    `measured`: outcomes with `seconds_per_epoch` in worker-seconds (None if it could not be measured): of some networks of the
    space, of the same networks on several devices if final trainings use these, and of each baseline.
    """
    usable = _usable(request, spent) * workers
    epoch_seconds, final_seconds = (_seconds_per_epoch(measured.get(name, ())) for name in (SPACE, FINAL))
    plan = _plan_networks(request, budget, n_train, workers, usable, epoch_seconds or [usable / 10], final_seconds)
    if plan.seeds < request.seeds:
        reason = f"{request.seeds} were requested, but only {plan.seeds} fit into the time for final trainings"
        plan = replace(plan, skipped=(Skipped("seeds", reason),))
    baselines = {name: measured[name][0] for name in request.baselines or ()}
    least_epochs = least_baseline_epochs(plan, final_seconds or epoch_seconds)
    trainings = len(request.all_strategies) * plan.top_k * plan.seeds
    plan, of_baselines = _plan_baselines(plan, baselines, budget.baselines * usable, least_epochs, trainings)
    return replace(
        plan,
        search_until=spent + budget.search * usable / workers,
        final_until=spent + (usable - of_baselines) / workers,
    )


def _usable(request: Request, spent: float) -> float:
    """Seconds for training: all that are left, except those reserved for the export and the report."""
    assert request.seconds is not None
    left = max(request.seconds - spent, LEAST_SECONDS)
    return left - min(CLOSING_SECONDS, CLOSING_SHARE * left)


def _seconds_per_epoch(outcomes: Iterable[Outcome]) -> list[float]:
    return [outcome.seconds_per_epoch for outcome in outcomes if outcome.seconds_per_epoch is not None]


def _plan_networks(
    request: Request,
    budget: Budget,
    n_train: int,
    workers: int,
    usable: float,
    epoch_seconds: Sequence[float],
    final_epoch_seconds: Sequence[float],
) -> TimePlan:
    """Worker-seconds for each training of a searched network, from the measured worker-seconds per epoch of some networks.

    Trainings of one stage get equal time, in which a fast network trains more epochs, so the search ranks candidates as the final
    trainings will. Search trainings are short enough for twenty per strategy. If a final training would be too short even for the
    fastest measured network, fewer seeds are trained. Candidates slower than the typical network are refused if their final
    training would not reach a third of the maximum epochs.
    """
    strategies, devices, seeds = len(request.all_strategies), request.devices, request.seeds
    typical, final_seconds = median(epoch_seconds), final_epoch_seconds or epoch_seconds
    most_epochs = float(budget.final_epochs or request.epochs or usual_epochs(n_train))
    search_epochs = budget.search_epochs or most_epochs
    search_seconds = budget.search * usable / strategies
    supernet_seconds = min(search_seconds, budget.search * usable / workers * devices)  # one training cannot use more
    search_goal = None if budget.search_epochs else search_seconds / TRIALS_AIMED_AT
    one_trial = inf if search_goal is None else max(search_goal, LEAST_SEARCH_EPOCHS * typical)
    least_epochs = min(most_epochs, LEAST_FINAL_EPOCHS)

    def final_goal(seeds: int) -> float:
        """Workers that idle in the last round count as used."""
        rounds = -(-strategies * request.top_k * seeds // max(1, workers // devices))
        return budget.final * usable / workers / rounds * devices

    while seeds > 1 and final_goal(seeds) < least_epochs * min(final_seconds):
        seeds -= 1
    slowest = final_goal(seeds) / max(least_epochs, most_epochs / 3) * typical / median(final_seconds)
    if search_goal is not None:
        slowest = min(slowest, search_goal / LEAST_SEARCH_EPOCHS)
    return TimePlan(
        search_epochs=search_epochs,
        final_epochs=most_epochs,
        seeds=seeds,
        top_k=request.top_k,
        expected_trials=max(1, round(search_seconds / min(one_trial, search_epochs * typical))),
        search_goal=search_goal,
        final_goal=final_goal(seeds),
        epoch_limit=max(slowest, typical),
        supernet_epochs=float(request.epochs or usual_epochs(n_train)),
        supernet_goal=budget.supernet * supernet_seconds,
        scoring_goal=SCORING_SHARE * supernet_seconds,
    )


def _plan_baselines(
    plan: TimePlan, measured: Mapping[str, Outcome], time: float, least_epochs: float, final_trainings: int
) -> tuple[TimePlan, float]:
    """The plan with the baselines that fit into `time`, and the worker-seconds that they will take.

    The slowest are left out until the others get enough epochs; unused time goes to the final trainings.
    """
    kept, share = dict(measured), time / plan.seeds
    skipped = list(plan.skipped)
    goal, used = None, 0.0
    while kept:
        needed = {name: _seconds(outcome, plan.final_epochs, plan) for name, outcome in kept.items()}
        least = {name: _seconds(outcome, least_epochs, plan) for name, outcome in kept.items()}
        goal = fill_evenly(needed.values(), share)
        slowest = max(least, key=lambda name: least[name])
        if least[slowest] <= goal:
            used = sum(min(seconds, goal) for seconds in needed.values())
            break
        skipped.append(Skipped(slowest, _too_slow(kept.pop(slowest), least[slowest], goal)))
    assert plan.final_goal is not None
    spare = (share - used) * plan.seeds
    return replace(
        plan,
        baselines=tuple(kept),
        skipped=tuple(skipped),
        baseline_goal=goal if kept else None,
        final_goal=plan.final_goal + spare / final_trainings,
    ), used * plan.seeds


def fill_evenly(needs: Iterable[float], total: float) -> float:
    """The most seconds each may take so that `total` is used up: time that the fast ones do not need goes to the slow ones."""
    left, unserved = total, sorted(needs)
    while unserved and unserved[0] <= left / len(unserved):
        left -= unserved.pop(0)
    return left / len(unserved) if unserved else total


def least_baseline_epochs(plan: TimePlan, epoch_seconds: Sequence[float]) -> float:
    """The fewest epochs for a fair comparison: a quarter of the maximum, or fewer if the final trainings will be as short.

    epoch_seconds: measured seconds per epoch of some searched networks, from which the length of the final trainings is estimated.
    """
    fair = max(min(plan.final_epochs, LEAST_FINAL_EPOCHS), FAIR_SHARE * plan.final_epochs)
    if not epoch_seconds or plan.final_goal is None:
        return fair
    return min(fair, max(1.0, MEASUREMENT_MARGIN * plan.final_goal / median(epoch_seconds)))


def _seconds(outcome: Outcome, epochs: float, plan: TimePlan) -> float:
    """Seconds for a training of `epochs`; for a classical model the whole fit counts as the maximum epochs."""
    if outcome.seconds_per_epoch is None:
        return float("inf")
    if outcome.macs is None:
        return outcome.seconds_per_epoch * max(epochs / plan.final_epochs, FAIR_SHARE)
    return outcome.seconds_per_epoch * epochs


def _too_slow(outcome: Outcome, needed: float, goal: float) -> str:
    if outcome.seconds_per_epoch is None:
        return f"too slow for this budget: its time per epoch could not even be measured ({outcome.cause})"
    return (
        f"too slow for this budget: an epoch takes an estimated {outcome.seconds_per_epoch:.1f} s and the shortest fair training "
        f"{needed:.0f} s, but its share of the time is {goal:.0f} s"
    )
