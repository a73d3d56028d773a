"""The final protocol: the best candidates and the baselines, trained from scratch in the same way with several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Job, Stage
from archwright.study.crew import Crew, training_seed
from archwright.study.ledger import Ledger
from archwright.study.row import Row


@dataclass(frozen=True)
class Contender:
    """What goes through the final protocol for one method: a candidate of a search, or a baseline.

    `method`: the strategy's or the baseline's name. `candidate`: its number in the search.
    """

    stage: Stage
    method: str
    key: str
    architecture: Architecture | None = None
    candidate: int | None = None


@dataclass(frozen=True)
class FinalTraining:
    """One contender with one of the seeds. Seeds are paired: the same index means the same seed for every method."""

    contender: Contender
    seed_index: int
    seed: int


def final_trainings(contenders: Sequence[Contender], seeds: int, seed: int) -> list[FinalTraining]:
    """Every contender with every seed; all first seeds come first, so that an early end leaves the methods equal."""
    return [FinalTraining(c, i, training_seed(seed, "final", i)) for i in range(seeds) for c in contenders]


def rows_of(ledger: Ledger, contender: Contender, plan: str) -> list[Row]:
    """The final trainings of a contender under a plan, by seed."""
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
    crew: Crew,
    ledger: Ledger,
    make_job: Callable[[Row], Job],
    late: Callable[[], bool],
) -> list[FinalTraining]:
    """Train what is not trained yet, and take up what an earlier start left unfinished.

    Once `late` says so no further training begins, beyond one seed of each contender; those left out are returned.
    """
    todo = _open_rows(trainings, plan, epochs, ledger, late)
    left_out: list[FinalTraining] = []
    exhausted = False
    while True:
        while crew.free > 0 and not exhausted:
            item = next(todo, None)
            if item is None:
                exhausted = True
            elif isinstance(item, FinalTraining):
                left_out.append(item)
            else:
                crew.start(item, make_job(item))
        if exhausted and not crew.busy:
            return left_out
        for row, outcome in crew.finished():
            crew.record(row, outcome.state, outcome, cause=outcome.cause)


def _open_rows(
    trainings: Sequence[FinalTraining], plan: str, epochs: float, ledger: Ledger, late: Callable[[], bool]
) -> Iterator[Row | FinalTraining]:
    """The row of each training that is to be run now; the training itself where it is too late for it."""
    unfinished = {row.run_number for row in ledger.running()}
    for training in trainings:
        contender = training.contender
        known = [row for row in rows_of(ledger, contender, plan) if row.extra["seed_index"] == training.seed_index]
        if known:
            yield from (row for row in known if row.run_number in unfinished)
        elif training.seed_index > 0 and late():
            yield training
        else:
            yield ledger.begin(
                stage=contender.stage,
                strategy=contender.method if contender.stage == "final" else "",
                baseline=contender.method if contender.stage == "baseline" else None,
                architecture=contender.architecture,
                key=contender.key,
                parent=contender.candidate,
                seed=training.seed,
                epochs=epochs,
                extra={"seed_index": training.seed_index, "plan": plan},
            )
