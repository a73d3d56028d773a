"""The search: each strategy is asked, the scheduler trains, and the strategy is told, until the budget is spent.

All strategies take turns on the same workers, so none of them meets a slower hour of the machine than the others. A one-shot
method first trains its supernet, which is one training, and proposes what that has found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from archwright.evaluate.job import Job
from archwright.ledger.ledger import LOOK_EVERY_S, Ledger
from archwright.ledger.row import Row
from archwright.study.scheduler import Scheduler
from archwright.study.strategy_run import StrategyRun
from archwright.study.supernet_search import STAGE

COMPARISON = "random"
"""The strategy that the others are compared with at the same cost."""

MakeJob = Callable[[Row], Job]


def search(strategy_runs: Sequence[StrategyRun], scheduler: Scheduler, make_job: MakeJob, deadline: float | None = None) -> None:
    """Search with all strategies until each has used its budget or is exhausted; continues what an earlier start left unfinished.

    The budget is each strategy's number of trials, or else the `deadline` in seconds of the run's clock. No training of the search
    is under way any more when this returns, in no coordinator.
    """
    by_name = {run.name: run for run in strategy_runs}
    ledger = strategy_runs[0].ledger
    waiting = _left_over(ledger)
    while True:
        waiting = _take_up(waiting, by_name, scheduler, make_job)
        while scheduler.free > 0 and not waiting and (run := _next_strategy_run(strategy_runs, scheduler, deadline)) is not None:
            row = run.ask()
            if row is not None:
                scheduler.start(row, make_job(row))
        if not scheduler.busy and not waiting and _next_strategy_run(strategy_runs, scheduler, deadline) is None:
            if not ledger.others_are_working("search", STAGE):
                return
            time.sleep(LOOK_EVERY_S)  # for results that what comes next depends on
            waiting = _left_over(ledger)
        for row, outcome in scheduler.finished():
            by_name[row.strategy].tell(row, outcome)


def _left_over(ledger: Ledger) -> list[Row]:
    """Rows of the search that nobody works on any more, of an earlier start or of another coordinator."""
    return [row for row in ledger.running() if row.stage in ("search", STAGE)]


def _take_up(waiting: list[Row], by_name: Mapping[str, StrategyRun], scheduler: Scheduler, make_job: MakeJob) -> list[Row]:
    """Continue rows that an earlier start left running; those for which there is no worker yet wait on."""
    left = []
    for row in waiting:
        run = by_name[row.strategy]
        known = run.known(row) if row.stage == "search" else None
        if known is not None:
            if not run.is_pending(known):
                run.copy_result(row, known)
        elif scheduler.free > 0:
            scheduler.start(row, make_job(row))
        else:
            left.append(row)
    return left


def _next_strategy_run(strategy_runs: Sequence[StrategyRun], scheduler: Scheduler, deadline: float | None) -> StrategyRun | None:
    """The strategy whose turn it is: the one that has spent least; None where all are done, or wait for a result."""
    able = [
        run
        for run in strategy_runs
        if not (run.waits or run.exhausted or _has_spent(run, scheduler, deadline) or _has_drawn_level(run, strategy_runs))
    ]
    if deadline is None:
        return min(able, key=lambda run: run.trainings, default=None)
    return min(
        able,
        key=lambda run: (run.seconds + scheduler.searching(run.name) * run.typical_seconds, run.trainings),
        default=None,
    )


def _has_spent(run: StrategyRun, scheduler: Scheduler, deadline: float | None) -> bool:
    if run.trials is not None:
        return run.trainings >= run.trials
    assert deadline is not None
    return run.ledger.count(run.name) > 0 and scheduler.seconds + run.typical_seconds / 2 > deadline


def _has_drawn_level(run: StrategyRun, strategy_runs: Sequence[StrategyRun]) -> bool:
    """Whether random search has had as many seconds as the dearest of the others, which are all at their end.

    It is there for a comparison at the same cost. Others that came to nothing are no measure of that.
    """
    others = [other for other in strategy_runs if other is not run]
    if run.trials is not None or run.name != COMPARISON or not all(other.exhausted for other in others):
        return False
    taken = [other.seconds for other in others if other.history.complete]
    return bool(taken) and run.seconds >= max(taken)
