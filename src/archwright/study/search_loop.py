"""The search: each strategy proposes, the scheduler trains, the ledger remembers, until the budget is spent.

All strategies take turns on the same workers, so none of them meets a slower hour of the machine than the others. A one-shot
method first trains its supernet, which is one training, and proposes what that has found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from archwright.study.proposals import EXHAUSTED_AFTER, MOST_PENDING_REPEATS, next_new, settle_repeats
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
    """Search with all strategies until each has used its budget or is exhausted; continues what an earlier start left unfinished.

    No training of the search is under way any more when this returns, in no coordinator.
    """
    proposals = {run.name: _RunProposals(run, scheduler, limits, seed) for run in strategy_runs}
    ledger = strategy_runs[0].ledger
    waiting = _left_over(ledger)
    while True:
        waiting = _take_up(waiting, proposals, scheduler, make_job)
        while scheduler.free > 0 and not waiting and (run := _next_strategy_run(strategy_runs, scheduler, limits)) is not None:
            _begin_next(proposals[run.name], scheduler, make_job, seed)
        if not scheduler.busy and not waiting and _next_strategy_run(strategy_runs, scheduler, limits) is None:
            if not ledger.others_work("search", STAGE):
                return
            time.sleep(LOOK_EVERY_S)  # for results that what comes next depends on
            waiting = _left_over(ledger)
        for row, outcome in scheduler.finished():
            _record(proposals[row.strategy], scheduler, row, outcome)


def _left_over(ledger: Ledger) -> list[Row]:
    """Rows of the search that nobody works on any more, of an earlier start or of another coordinator."""
    return [row for row in ledger.running() if row.stage in ("search", STAGE)]


def _take_up(waiting: list[Row], proposals: Mapping[str, _RunProposals], scheduler: Scheduler, make_job: MakeJob) -> list[Row]:
    """Continue rows that an earlier start left running; those for which there is no worker yet wait on."""
    left = []
    for row in waiting:
        own = proposals[row.strategy]
        known = own.known(row) if row.stage == "search" else None
        if known is not None:
            if not own.is_pending(known):
                own.settle(row, known)
        elif scheduler.free > 0:
            scheduler.start(row, make_job(row))
        else:
            left.append(row)
    return left


def _next_strategy_run(strategy_runs: Sequence[StrategyRun], scheduler: Scheduler, limits: SearchLimits) -> StrategyRun | None:
    """The strategy whose turn it is: the one that has spent least; None where all are done, or wait for a result."""
    able = [
        run
        for run in strategy_runs
        if not (run.waits or run.exhausted or _spent(run, limits) or _has_drawn_level(run, strategy_runs, limits))
    ]
    if limits.trials is not None:
        return min(able, key=lambda run: run.trainings, default=None)
    return min(
        able,
        key=lambda run: (
            run.seconds + scheduler.searching(run.name) * run.typical_seconds,
            run.trainings,
        ),
        default=None,
    )


def _spent(run: StrategyRun, limits: SearchLimits) -> bool:
    if limits.trials is not None:
        return run.trainings >= limits.trials
    assert limits.deadline is not None
    return run.ledger.count(run.name) > 0 and limits.clock() + run.typical_seconds / 2 > limits.deadline


def _has_drawn_level(run: StrategyRun, strategy_runs: Sequence[StrategyRun], limits: SearchLimits) -> bool:
    """Whether random search has had as many seconds as the dearest of the others, which are all at their end.

    It is there for a comparison at the same cost. Others that came to nothing are no measure of that.
    """
    others = [other for other in strategy_runs if other is not run]
    if limits.trials is not None or run.name != COMPARISON or not all(other.exhausted for other in others):
        return False
    taken = [other.seconds for other in others if other.history.complete]
    return bool(taken) and run.seconds >= max(taken)


def _begin_next(proposals: _RunProposals, scheduler: Scheduler, make_job: MakeJob, seed: int) -> None:
    """Begin the training of the strategy's next new network, unless it has to wait; of a one-shot method first its supernet's."""
    supernet = proposals.run.supernet
    row = supernet.begin(seed) if supernet is not None and not supernet.ended else next_new(proposals)
    if row is not None:
        scheduler.start(row, make_job(row))


def _record(proposals: _RunProposals, scheduler: Scheduler, row: Row, outcome: Outcome) -> None:
    """Write down what came of a training, for its row and for those that waited for an equal network."""
    run = proposals.run
    run.pending_repeats, run.asked_beyond_limit = 0, False
    if row.stage == STAGE:
        scheduler.record(row, outcome.state, outcome)
        return
    scores = scores_of(run.objectives, outcome)
    if outcome.state == "complete" and scores is None:
        done = scheduler.record(row, "failed", outcome, cause="an objective was not measured")
    else:
        done = scheduler.record(row, outcome.state, outcome, scores, outcome.cause)
    settle_repeats(proposals, done)


class _RunProposals:
    """The rows of a strategy's search, as `proposals.next_new` asks for them."""

    def __init__(self, run: StrategyRun, scheduler: Scheduler, limits: SearchLimits, seed: int) -> None:
        self.run = run
        self._scheduler = scheduler
        self._limits = limits
        self._seed = seed

    @property
    def pending_repeats(self) -> int:
        return self.run.pending_repeats

    @pending_repeats.setter
    def pending_repeats(self, count: int) -> None:
        self.run.pending_repeats = count

    @property
    def exhausted(self) -> bool:
        return self.run.exhausted

    @property
    def waits(self) -> bool:
        return self.run.waits

    def propose(self) -> Row | None:
        """A new row for what the strategy proposes; None where another coordinator took the number meanwhile.

        A proposal that takes more than is left of the trials is not written down either: the strategy waits for a result that may
        change its mind.
        """
        run, history = self.run, self.run.history
        number = run.ledger.next_number("search", run.name)
        proposal = run.strategy.propose(run.space, history, Random(f"{self._seed}/{run.name}/{number}"))
        key, epochs = key_of(run.space, proposal.architecture), proposal.epochs or run.epochs
        continued = _continued(run, proposal, key, epochs)
        if run.ledger.first_with_key("search", run.name, key, epochs) is None and self._is_too_much(proposal):
            run.asked_beyond_limit = True
            return None
        try:
            return run.ledger.begin(
                stage="search",
                strategy=run.name,
                architecture=proposal.architecture,
                questions=tuple(questions_asked(run.space.decide, proposal.architecture.answers).values()),
                key=key,
                parent=proposal.parent,
                continues=proposal.continues,
                note=proposal.note,
                seen=len(history.finished),
                seed=continued.seed if continued is not None else training_seed(self._seed, run.name, number),
                epochs=epochs,
                number=number,
            )
        except Overtaken:
            return None

    def _is_too_much(self, proposal: Proposal) -> bool:
        trials = self._limits.trials
        return trials is not None and self.run.trainings + self.run.cost(proposal) > trials + ROUNDING

    def known(self, row: Row) -> Row | None:
        return self.run.ledger.known(row)

    def is_pending(self, row: Row) -> bool:
        return row.state == "running"

    def repeats(self, row: Row) -> list[Row]:
        return self.run.ledger.waiting_for(row)

    def settle(self, row: Row, known: Row) -> None:
        if known.state == "refused":
            self._scheduler.record(row, "refused", cause=known.cause)
        else:
            free = replace(known.outcome, seconds=0.0) if known.outcome is not None else None
            self._scheduler.record(row, "duplicate", free, known.scores, f"the network of {known.run_number}")


def _continued(run: StrategyRun, proposal: Proposal, key: str, epochs: float) -> Row | None:
    """The row whose training the proposal continues. Raises InputError where the strategy asks for what cannot be."""
    if epochs > run.epochs:
        raise InputError(f"strategy {run.name!r} asks for {epochs:g} epochs, and a full training of the search has {run.epochs:g}")
    if proposal.continues is None:
        return None
    row = run.ledger.searched(run.name, proposal.continues)
    if row is None or row.key != key or row.state != "complete" or (row.epochs or 0.0) >= epochs:
        raise InputError(
            f"strategy {run.name!r} wants to train candidate {proposal.continues} on to {epochs:g} epochs: `continues` takes the "
            "number of a complete candidate with the same network and fewer epochs"
        )
    return row


def best_candidates(run: StrategyRun, k: int) -> list[Row]:
    """The k best complete candidates by their first score, each network once; the earlier of equals.

    Only scores after as many epochs are compared: those of the most come first, and the next only where there are fewer than k.
    """
    complete = [row for row in run.rows if row.state == "complete" and row.scores]
    ranked = sorted(complete, key=lambda row: (-(row.epochs or 0.0), -(row.scores or (0.0,))[0], row.number))
    first = {row.key: row for row in reversed(ranked)}
    return [row for row in ranked if first[row.key] is row][:k]
