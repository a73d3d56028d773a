"""How reliable shared-weight scores are: candidates trained from scratch are also scored with the supernet's weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from random import Random

from archwright.architecture.architecture import Architecture, short_hash
from archwright.evaluate.job import Job, Stage, training_seed
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.study.scheduler import Scheduler
from archwright.study.supernet_search import SupernetSearch

STAGE: Stage = "shared_scores"
LEAST_SCORED, MOST_SCORED = 4, 100
"""With fewer candidates a rank correlation means little; from more, a random sample is drawn."""


def scorable(ledger: Ledger, seed: int, strategies: Collection[str]) -> list[Row]:
    """Complete, fully trained candidates of these strategies, each network once; a random sample if more than `MOST_SCORED`."""
    complete = [row for row in ledger.rows("search") if row.state == "complete" and row.architecture is not None]
    full = max((row.epochs or 0.0 for row in complete), default=0.0)
    fully_trained = [row for row in reversed(complete) if row.strategy in strategies and (row.epochs or 0.0) >= full]
    first = {row.key: row for row in fully_trained}
    rows = sorted(first.values(), key=lambda row: row.run_number)
    if len(rows) <= MOST_SCORED:
        return rows
    return sorted(Random(f"{seed}/{STAGE}").sample(rows, MOST_SCORED), key=lambda row: row.run_number)


def score_with_shared_weights(
    searches: Sequence[SupernetSearch],
    ledger: Ledger,
    scheduler: Scheduler,
    make_job: Callable[[Row], Job],
    seed: int,
    strategies: Collection[str],
) -> None:
    """Run one scoring job per trained supernet, unless there are too few candidates or the same ones were scored before.

    `strategies`: those that searched the supernet's own space.
    """
    todo = [row for search in searches if (row := _open_row(search.name, ledger, seed, strategies)) is not None]
    while todo or scheduler.busy:
        while todo and scheduler.free > 0:
            row = todo.pop(0)
            scheduler.start(row, make_job(row))
        for row, outcome in scheduler.finished():
            ledger.finish(row, outcome.state, outcome)


def _open_row(strategy: str, ledger: Ledger, seed: int, strategies: Collection[str]) -> Row | None:
    """The row of the scoring job to run now, new or interrupted; None if there is nothing to do."""
    numbers = [row.run_number for row in scorable(ledger, seed, strategies)]
    if len(numbers) < LEAST_SCORED:
        return None
    key = short_hash(json.dumps(numbers))
    known = ledger.first_with_key(STAGE, strategy, key)
    if known is not None:
        return known if known.run_number in {row.run_number for row in ledger.running()} else None
    own_seed = training_seed(seed, strategy, STAGE, key)
    return ledger.begin_once(Row(STAGE, strategy, key=key, seed=own_seed, extra={"candidates": numbers}))


def architectures_of(row: Row, ledger: Ledger) -> list[Architecture]:
    """The architectures of the candidates that a scoring row refers to, in its order."""
    return [candidate.architecture for candidate in _candidates_of(row, ledger) if candidate.architecture is not None]


def _candidates_of(row: Row, ledger: Ledger) -> list[Row]:
    by_number = {candidate.run_number: candidate for candidate in ledger.rows("search")}
    return [by_number[number] for number in row.extra["candidates"]]


def paired_scores(strategy: str, metric: str, ledger: Ledger) -> list[tuple[float, float]]:
    """The validation metric of each candidate of the last scoring job: (with shared weights, trained from scratch)."""
    scored = [row for row in ledger.rows(STAGE, strategy) if row.state == "complete"]
    if not scored:
        return []
    last = scored[-1]
    shared = {_text(found["architecture"]): found["score"] for found in (last.outcome.found if last.outcome is not None else ())}
    pairs = []
    for candidate in _candidates_of(last, ledger):
        if candidate.architecture is not None and candidate.outcome is not None:
            score = shared.get(_text(candidate.architecture.to_json()))
            value = candidate.outcome.metrics.get(metric)
            if score is not None and value is not None:
                pairs.append((float(score), float(value)))
    return pairs


def _text(architecture: object) -> str:
    return json.dumps(architecture, sort_keys=True)
