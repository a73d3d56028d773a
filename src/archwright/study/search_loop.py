"""The search: each strategy proposes, the scheduler trains, the ledger remembers, until the budget is spent.

All strategies take turns on the same workers, so none of them meets a slower hour of the machine than the others. A one-shot
method first trains its supernet, which is one training, and proposes what that has found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from random import Random

from archwright.architecture.variation import questions_asked
from archwright.errors import InputError
from archwright.evaluate.history import History, Objective, Proposal, key_of
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.objective import scores_of
from archwright.ledger.ledger import LOOK_EVERY_S, Ledger, Overtaken
from archwright.ledger.row import Row
from archwright.search_space import SearchSpace
from archwright.search_strategy import Strategy
from archwright.study.known_networks import EXHAUSTED_AFTER, MOST_PENDING_REPEATS
from archwright.study.scheduler import Scheduler, training_seed
from archwright.study.supernet_search import STAGE, SupernetSearch

ROUNDING = 1e-6
"""Shares of a training may add up to a little more than the whole."""

COMPARISON = "random"
"""The strategy that the others are compared with at the same cost."""

MakeJob = Callable[[Row], Job]


@dataclass(frozen=True)
class SearchLimits:
    """When the search ends: after `trials` full trainings' epochs a strategy, or when `clock` reaches `deadline` (seconds)."""

    trials: int | None
    deadline: float | None
    clock: Callable[[], float]


class StrategyRun:
    """One strategy's search: what it has proposed, trained and spent. All of it is read from the ledger.

    `epochs`: of a full training.
    """

    def __init__(
        self, name: str, strategy: Strategy, space: SearchSpace, ledger: Ledger, objectives: tuple[Objective, ...], epochs: float
    ) -> None:
        self.name = name
        self.strategy = strategy
        self.space = space
        self.objectives = objectives
        self.ledger = ledger
        self.epochs = epochs
        self.pending_repeats = 0
        self.asked_beyond_limit = False

    @property
    def supernet(self) -> SupernetSearch | None:
        """The strategy where it is a one-shot method."""
        return self.strategy if isinstance(self.strategy, SupernetSearch) else None

    @property
    def rows(self) -> Sequence[Row]:
        return self.ledger.rows("search", self.name)

    @property
    def history(self) -> History:
        return replace(self.ledger.history(self.name, self.objectives), epochs=self.epochs)

    @property
    def trainings(self) -> float:
        """Finished and running trainings, each counted by the share of a full training's epochs that it is given.

        Rows that wait for an equal network's result are none, nor is a supernet.
        """
        epochs = self.ledger.tally(self.name).epochs + self.ledger.running_epochs(self.name)
        return round(epochs / self.epochs, 6)

    def cost(self, asked: Proposal) -> float:
        """The share of a full training that it takes; what it continues was paid for before."""
        return self.ledger.epochs_of(self.name, asked.epochs or self.epochs, asked.continues) / self.epochs

    @property
    def exhausted(self) -> bool:
        """Whether nothing new is to be expected: after so many known or refused proposals in a row, or all that was found."""
        if self.supernet is not None:
            return self.supernet.ended and self.ledger.count(self.name) >= len(self.supernet.found)
        untrained = takewhile(lambda row: row.state in ("duplicate", "refused"), self.ledger.latest(self.name))
        return sum(1 for _ in islice(untrained, EXHAUSTED_AFTER)) == EXHAUSTED_AFTER

    @property
    def waits(self) -> bool:
        """Whether the strategy has nothing new to propose before one of the networks in training has its result."""
        told = self.pending_repeats >= MOST_PENDING_REPEATS or self.asked_beyond_limit
        return told or (self.supernet is not None and self.supernet.trains)

    @property
    def seconds(self) -> float:
        """Training seconds spent, those of a supernet too."""
        return self.ledger.tally(self.name).seconds + (self.supernet.seconds if self.supernet is not None else 0.0)

    @property
    def typical_seconds(self) -> float:
        """Mean seconds of a candidate's training so far; 0 before the first has ended."""
        tally = self.ledger.tally(self.name)
        return tally.seconds / tally.trainings if tally.trainings else 0.0


def search(strategy_runs: Sequence[StrategyRun], scheduler: Scheduler, make_job: MakeJob, limits: SearchLimits, seed: int) -> None:
    """Run all strategy runs until each has used its budget or is exhausted; continues what an earlier start left unfinished.

    Nothing of the search runs any more when this returns, in no coordinator.
    """
    by_name = {strategy_run.name: strategy_run for strategy_run in strategy_runs}
    waiting = _left_over(strategy_runs)
    while True:
        waiting = _begin(waiting, scheduler, make_job)
        while (
            scheduler.free > 0
            and not waiting
            and (strategy_run := _next_strategy_run(strategy_runs, scheduler, limits)) is not None
        ):
            _propose(strategy_run, scheduler, make_job, limits, seed)
        if not scheduler.busy and not waiting and _next_strategy_run(strategy_runs, scheduler, limits) is None:
            if not strategy_runs[0].ledger.others_work("search", STAGE):
                return
            time.sleep(LOOK_EVERY_S)  # for results that what comes next depends on
            waiting = _left_over(strategy_runs)
        for row, outcome in scheduler.finished():
            _record(by_name[row.strategy], scheduler, row, outcome)


def _left_over(strategy_runs: Sequence[StrategyRun]) -> list[tuple[StrategyRun, Row]]:
    """Rows of the search that nobody works on any more, of an earlier start or of another coordinator."""
    by_name = {strategy_run.name: strategy_run for strategy_run in strategy_runs}
    return [(by_name[row.strategy], row) for row in strategy_runs[0].ledger.running() if row.stage in ("search", STAGE)]


def _begin(waiting: list[tuple[StrategyRun, Row]], scheduler: Scheduler, make_job: MakeJob) -> list[tuple[StrategyRun, Row]]:
    """Take up rows that an earlier start left running; those for which there is no worker yet wait on."""
    left = []
    for strategy_run, row in waiting:
        known = strategy_run.ledger.known(row) if row.stage == "search" else None
        if known is not None:
            _settle(scheduler, row, known)
        elif scheduler.free > 0:
            scheduler.start(row, make_job(row))
        else:
            left.append((strategy_run, row))
    return left


def _next_strategy_run(strategy_runs: Sequence[StrategyRun], scheduler: Scheduler, limits: SearchLimits) -> StrategyRun | None:
    """The strategy whose turn it is: the one that has spent least; None where all are done, or wait for a result."""
    able = [
        strategy_run
        for strategy_run in strategy_runs
        if not (
            strategy_run.waits
            or strategy_run.exhausted
            or _spent(strategy_run, limits)
            or _has_drawn_level(strategy_run, strategy_runs, limits)
        )
    ]
    if limits.trials is not None:
        return min(able, key=lambda strategy_run: strategy_run.trainings, default=None)
    return min(
        able,
        key=lambda strategy_run: (
            strategy_run.seconds + scheduler.searching(strategy_run.name) * strategy_run.typical_seconds,
            strategy_run.trainings,
        ),
        default=None,
    )


def _spent(strategy_run: StrategyRun, limits: SearchLimits) -> bool:
    if limits.trials is not None:
        return strategy_run.trainings >= limits.trials
    assert limits.deadline is not None
    return strategy_run.ledger.count(strategy_run.name) > 0 and limits.clock() + strategy_run.typical_seconds / 2 > limits.deadline


def _has_drawn_level(strategy_run: StrategyRun, strategy_runs: Sequence[StrategyRun], limits: SearchLimits) -> bool:
    """Whether random search has had as many seconds as the dearest of the others, which are all at their end.

    It is there for a comparison at the same cost. Others that came to nothing are no measure of that.
    """
    others = [other for other in strategy_runs if other is not strategy_run]
    if limits.trials is not None or strategy_run.name != COMPARISON or not all(other.exhausted for other in others):
        return False
    taken = [other.seconds for other in others if other.history.complete]
    return bool(taken) and strategy_run.seconds >= max(taken)


def _propose(strategy_run: StrategyRun, scheduler: Scheduler, make_job: MakeJob, limits: SearchLimits, seed: int) -> None:
    """Ask the strategy until it names a network that is not known, and begin its training; or until it has to wait.

    A one-shot method whose supernet is not trained yet begins with that.
    """
    if strategy_run.supernet is not None and not strategy_run.supernet.ended:
        training = strategy_run.supernet.begin(seed)
        scheduler.start(training, make_job(training))
        return
    while not (strategy_run.waits or strategy_run.exhausted):
        row = _ask(strategy_run, limits, seed)
        if row is None:
            continue
        known = strategy_run.ledger.known(row)
        if known is None:
            strategy_run.pending_repeats = 0
            scheduler.start(row, make_job(row))
            return
        _settle(scheduler, row, known)
        strategy_run.pending_repeats += known.state == "running"


def _ask(strategy_run: StrategyRun, limits: SearchLimits, seed: int) -> Row | None:
    """A new row for what the strategy proposes; None where another coordinator took the number meanwhile, or nothing is begun.

    A proposal that takes more than is left of the trials is not: the strategy waits for a result that may change its mind.
    """
    history = strategy_run.history
    number = strategy_run.ledger.next_number("search", strategy_run.name)
    proposal = strategy_run.strategy.propose(strategy_run.space, history, Random(f"{seed}/{strategy_run.name}/{number}"))
    key, epochs = key_of(strategy_run.space, proposal.architecture), proposal.epochs or strategy_run.epochs
    continued = _continued(strategy_run, proposal, key, epochs)
    known = strategy_run.ledger.first_with_key("search", strategy_run.name, key, epochs)
    if (
        known is None
        and limits.trials is not None
        and strategy_run.trainings + strategy_run.cost(proposal) > limits.trials + ROUNDING
    ):
        strategy_run.asked_beyond_limit = True
        return None
    try:
        return strategy_run.ledger.begin(
            stage="search",
            strategy=strategy_run.name,
            architecture=proposal.architecture,
            questions=tuple(questions_asked(strategy_run.space.decide, proposal.architecture.answers).values()),
            key=key,
            parent=proposal.parent,
            continues=proposal.continues,
            note=proposal.note,
            seen=len(history.finished),
            seed=continued.seed if continued is not None else training_seed(seed, strategy_run.name, number),
            epochs=epochs,
            number=number,
        )
    except Overtaken:
        return None


def _continued(strategy_run: StrategyRun, proposal: Proposal, key: str, epochs: float) -> Row | None:
    """The row whose training the proposal goes on with. Raises InputError where the strategy asks for what cannot be."""
    if epochs > strategy_run.epochs:
        raise InputError(
            f"strategy {strategy_run.name!r} asks for {epochs:g} epochs, and a full training of the search has "
            f"{strategy_run.epochs:g}"
        )
    if proposal.continues is None:
        return None
    row = strategy_run.ledger.searched(strategy_run.name, proposal.continues)
    if row is None or row.key != key or row.state != "complete" or (row.epochs or 0.0) >= epochs:
        raise InputError(
            f"strategy {strategy_run.name!r} wants to train candidate {proposal.continues} on to {epochs:g} epochs: "
            "`continues` takes the number of a complete candidate with the same network and fewer epochs"
        )
    return row


def _settle(scheduler: Scheduler, row: Row, known: Row) -> None:
    """Give a row the result of the equal network that is known; one that is pending leaves it waiting."""
    if known.state == "running":
        return
    if known.state == "refused":
        scheduler.record(row, "refused", cause=known.cause)
    else:
        free = replace(known.outcome, seconds=0.0) if known.outcome is not None else None
        scheduler.record(row, "duplicate", free, known.scores, f"the network of {known.run_number}")


def _record(strategy_run: StrategyRun, scheduler: Scheduler, row: Row, outcome: Outcome) -> None:
    """Write down what came of a training, for its row and for those that waited for an equal network."""
    strategy_run.pending_repeats, strategy_run.asked_beyond_limit = 0, False
    if row.stage == STAGE:
        scheduler.record(row, outcome.state, outcome)
        return
    scores = scores_of(strategy_run.objectives, outcome)
    if outcome.state == "complete" and scores is None:
        done = scheduler.record(row, "failed", outcome, cause="an objective was not measured")
    else:
        done = scheduler.record(row, outcome.state, outcome, scores, outcome.cause)
    for waiting in strategy_run.ledger.waiting_for(done):
        _settle(scheduler, waiting, done)


def best_candidates(strategy_run: StrategyRun, k: int) -> list[Row]:
    """The k best complete candidates by their first score, each network once; the earlier of equals.

    Only scores after as many epochs are compared: those of the most come first, and the next only where there are fewer than k.
    """
    complete = [row for row in strategy_run.rows if row.state == "complete" and row.scores]
    ranked = sorted(complete, key=lambda row: (-(row.epochs or 0.0), -(row.scores or (0.0,))[0], row.number))
    first = {row.key: row for row in reversed(ranked)}
    return [row for row in ranked if first[row.key] is row][:k]
