"""The final protocol: the best candidates and the baselines are trained from scratch in the same way with several seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Job, Stage, training_seed
from archwright.ledger.ledger import LOOK_EVERY_S, AlreadyTaken, Ledger
from archwright.ledger.row import Row
from archwright.study.scheduler import Scheduler


@dataclass(frozen=True)
class Contender:
    """A candidate of a search or a baseline that goes through the final protocol.

    `method`: the strategy's or the baseline's name. `candidate`: its number in the search.
    """

    stage: Stage
    method: str
    key: str
    architecture: Architecture | None = None
    candidate: int | None = None


@dataclass(frozen=True)
class FinalTraining:
    """One contender with one seed. Seeds are paired: the same index means the same seed for every method."""

    contender: Contender
    seed_index: int
    seed: int


def final_trainings(contenders: Sequence[Contender], seeds: int, seed: int) -> list[FinalTraining]:
    """Every contender with every seed, ordered by seed, so that all methods have equally many seeds if time runs out."""
    return [FinalTraining(c, i, training_seed(seed, "final", i)) for i in range(seeds) for c in contenders]


def rows_of(ledger: Ledger, contender: Contender, plan: str) -> list[Row]:
    """The final trainings of a contender under a plan, ordered by seed."""
    rows = [row for row in ledger.rows(contender.stage) if _is_of(row, contender, plan)]
    return sorted(rows, key=lambda row: int(row.extra["seed_index"]))


def _is_of(row: Row, contender: Contender, plan: str) -> bool:
    return row.key == contender.key and _method(row) == contender.method and row.extra.get("plan") == plan


def _method(row: Row) -> str | None:
    return row.baseline if row.stage == "baseline" else row.strategy


def train_finally(
    trainings: Sequence[FinalTraining],
    plan: str,
    epochs: float,
    scheduler: Scheduler,
    ledger: Ledger,
    make_job: Callable[[Row], Job],
    late: Callable[[], bool],
) -> list[FinalTraining]:
    """Run the trainings that are not finished, and resume interrupted ones; returns when other coordinators are finished, too.

    Once `late` returns True no further training begins, except for one seed per contender. Returns the trainings left out.
    """
    while True:
        left_out = _train_once(_open_rows(trainings, plan, epochs, ledger, late), scheduler, ledger, make_job)
        if not ledger.others_are_working(*{training.contender.stage for training in trainings}):
            return left_out
        time.sleep(LOOK_EVERY_S)  # until they have results, or their abandoned rows are free


def _train_once(
    todo: Iterator[Row | FinalTraining], scheduler: Scheduler, ledger: Ledger, make_job: Callable[[Row], Job]
) -> list[FinalTraining]:
    """Run all trainings in `todo`; returns those that are left out."""
    left_out: list[FinalTraining] = []
    exhausted = False
    while True:
        while scheduler.free > 0 and not exhausted:
            item = next(todo, None)
            if item is None:
                exhausted = True
            elif isinstance(item, FinalTraining):
                left_out.append(item)
            else:
                scheduler.start(item, make_job(item))
        if exhausted and not scheduler.busy:
            return left_out
        for row, outcome in scheduler.finished():
            ledger.finish(row, outcome.state, outcome)


def _open_rows(
    trainings: Sequence[FinalTraining], plan: str, epochs: float, ledger: Ledger, late: Callable[[], bool]
) -> Iterator[Row | FinalTraining]:
    """The row of each training to run now; the training itself if there is no time left for it."""
    unfinished = {row.run_number for row in ledger.running()}
    for training in trainings:
        row = _row_of(training, plan, ledger)
        if row is not None:
            if row.run_number in unfinished:
                yield row
        elif training.seed_index > 0 and late():
            yield training
        else:
            begun = _begin(training, plan, epochs, ledger)
            if begun is not None:
                yield begun


def _row_of(training: FinalTraining, plan: str, ledger: Ledger) -> Row | None:
    rows = rows_of(ledger, training.contender, plan)
    return next((row for row in rows if row.extra["seed_index"] == training.seed_index), None)


def _begin(training: FinalTraining, plan: str, epochs: float, ledger: Ledger) -> Row | None:
    """The row of a training that nobody has begun; None if another coordinator began it first."""
    contender = training.contender
    while _row_of(training, plan, ledger) is None:
        strategy = contender.method if contender.stage == "final" else ""
        row = Row(
            contender.stage,
            strategy,
            number=ledger.next_number(contender.stage, strategy),
            baseline=contender.method if contender.stage == "baseline" else None,
            architecture=contender.architecture,
            key=contender.key,
            parent=contender.candidate,
            seed=training.seed,
            epochs=epochs,
            extra={"seed_index": training.seed_index, "plan": plan},
        )
        with suppress(AlreadyTaken):
            return ledger.begin(row)
    return None
