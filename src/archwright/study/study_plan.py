"""Plans before the search what fits into the time, from measured epoch times of sampled networks and of the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from archwright.evaluate.job import Job, Outcome, Stage
from archwright.execute.executor import Executor
from archwright.study.request import Request
from archwright.study.time_plan import LEAST_FINAL_EPOCHS, AvailableTime, Budget, TimePlan, plan_by_minutes, plan_by_trials

PROBED_ARCHITECTURES = 4
PROBE_SHARE, LEAST_PROBE_SECONDS = 0.03, 20.0
"""A network that cannot be measured within this share of the run's time (at least these seconds) is too slow."""
FINAL: Stage = "final"
"""The probes that measure networks of the space under the conditions of final trainings."""
FAIR_SHARE = 0.25
"""A baseline that gets less than this share of the maximum epochs is hardly trained."""
MEASUREMENT_MARGIN = 0.8
"""Allows for the limited accuracy of measured seconds per epoch."""


@dataclass(frozen=True)
class Skipped:
    """Something that was requested but left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class StudyPlan:
    """A time plan, the baselines that fit, and what was left out.

    `search_until`, `final_until`: the time on the run's clock, in seconds, after which no further training of that stage begins;
    None means no such limit.
    """

    plan: TimePlan
    baselines: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    search_until: float | None = None
    final_until: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "plan": self.plan.to_json(),
            "baselines": list(self.baselines),
            "skipped": [{"name": s.name, "reason": s.reason} for s in self.skipped],
            "search_until": self.search_until,
            "final_until": self.final_until,
        }

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> StudyPlan:
        return cls(
            TimePlan.from_json(text["plan"]),
            tuple(text["baselines"]),
            tuple(Skipped(**s) for s in text["skipped"]),
            text["search_until"],
            text["final_until"],
        )


def study_plan_by_trials(request: Request, budget: Budget, n_train: int) -> StudyPlan:
    """The plan with `--trials`: everything that was requested is trained."""
    assert request.trials is not None
    plan = plan_by_trials(n_train, request.epochs, request.seeds, request.top_k, request.trials, budget)
    return StudyPlan(plan, request.baselines or ())


def study_plan_by_minutes(
    request: Request,
    budget: Budget,
    n_train: int,
    clock: Callable[[], float],
    executor: Executor,
    probes: Mapping[str, Sequence[Job]],
) -> StudyPlan:
    """The plan with `--minutes`. `probes`: jobs that measure networks of the space (under `space`) and each baseline (by name).

    If final trainings use several devices, `final` holds jobs that measure the same networks of the space on these.
    """
    measured = run_probes(executor, [job for jobs in probes.values() for job in jobs])
    space_seconds, final_seconds = (
        [t for job in probes.get(kind, ()) if (t := measured[job.key].seconds_per_epoch) is not None] for kind in ("space", FINAL)
    )
    assert request.minutes is not None
    now = clock()
    available = AvailableTime(60 * request.minutes - now, executor.workers, len(request.all_strategies), request.devices)
    plan = plan_by_minutes(
        n_train,
        request.epochs,
        request.seeds,
        request.top_k,
        available,
        budget,
        space_seconds or [available.usable / 10],
        final_seconds,
    )
    skipped = []
    if plan.seeds < request.seeds:
        skipped.append(
            Skipped("seeds", f"{request.seeds} were requested, but only {plan.seeds} fit into the time for final trainings")
        )
    baselines = {name: measured[probes[name][0].key] for name in request.baselines or ()}
    fitted = _fit_baselines(plan, baselines, available, budget, least_baseline_epochs(plan, final_seconds or space_seconds))
    return StudyPlan(
        fitted.plan,
        fitted.names,
        (*skipped, *fitted.skipped),
        search_until=now + budget.search * available.usable / available.workers,
        final_until=now + (available.usable - fitted.seconds) / available.workers,
    )


def run_probes(executor: Executor, jobs: Sequence[Job]) -> dict[str, Outcome]:
    """The outcome of each job by its key, with `seconds_per_epoch` in worker-seconds: the sum over the devices of a job."""
    for job in jobs:
        executor.submit(job)
    outcomes: dict[str, Outcome] = {}
    while len(outcomes) < len(jobs):
        outcomes.update({job.key: _in_worker_seconds(outcome, job.devices) for job, outcome in executor.wait(1.0)})
    return outcomes


def _in_worker_seconds(outcome: Outcome, devices: int) -> Outcome:
    if outcome.seconds_per_epoch is None:
        return outcome
    return replace(outcome, seconds_per_epoch=outcome.seconds_per_epoch * devices)


@dataclass(frozen=True)
class FittedBaselines:
    """The completed plan, the baselines that are trained, those left out, and the worker-seconds that the baselines will take."""

    plan: TimePlan
    names: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    seconds: float


def _fit_baselines(
    plan: TimePlan, measured: Mapping[str, Outcome], available: AvailableTime, budget: Budget, least_epochs: float
) -> FittedBaselines:
    """Leave out the slowest baselines until the others get enough epochs; unused time goes to the final trainings."""
    kept = dict(measured)
    share = budget.baselines * available.usable / plan.seeds
    skipped: list[Skipped] = []
    while kept:
        needed = {name: _seconds(outcome, plan.final_epochs, plan) for name, outcome in kept.items()}
        goal = fill_evenly(needed.values(), share)
        least = {name: _seconds(outcome, least_epochs, plan) for name, outcome in kept.items()}
        slowest = max(least, key=lambda name: least[name])
        if least[slowest] <= goal:
            used = sum(min(seconds, goal) for seconds in needed.values())
            fitting = _with_spare(replace(plan, baseline_goal=goal), (share - used) * plan.seeds, available)
            return FittedBaselines(fitting, tuple(kept), tuple(skipped), used * plan.seeds)
        skipped.append(Skipped(slowest, _too_slow(kept.pop(slowest), least[slowest], goal)))
    return FittedBaselines(_with_spare(plan, share * plan.seeds, available), (), tuple(skipped), 0.0)


def _with_spare(plan: TimePlan, spare: float, available: AvailableTime) -> TimePlan:
    """The plan with these worker-seconds added to the final trainings."""
    assert plan.final_goal is not None
    return replace(plan, final_goal=plan.final_goal + spare / (available.strategies * plan.top_k * plan.seeds))


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
