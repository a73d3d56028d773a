"""The search: each strategy proposes, the crew trains, the ledger remembers, until the budget is spent.

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
from archwright.study.known_networks import EXHAUSTED_AFTER, TOLD_OF_PENDING
from archwright.study.scheduler import Crew, training_seed
from archwright.study.supernet_search import STAGE, SupernetSearch

ROUNDING = 1e-6
"""Shares of a training may add up to a little more than the whole."""

COMPARISON = "random"
"""The strategy that the others are compared with at the same cost."""

MakeJob = Callable[[Row], Job]


@dataclass(frozen=True)
class Limits:
    """When the search ends: after `trials` full trainings' epochs a strategy, or when `clock` reaches `deadline` (seconds)."""

    trials: int | None
    deadline: float | None
    clock: Callable[[], float]


class Lane:
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
        self.told_of_pending = 0
        self.asked_for_too_much = False

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
        told = self.told_of_pending >= TOLD_OF_PENDING or self.asked_for_too_much
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


def search(lanes: Sequence[Lane], crew: Crew, make_job: MakeJob, limits: Limits, seed: int) -> None:
    """Run all lanes until each has used its budget or is exhausted; continues what an earlier start left unfinished.

    Nothing of the search runs any more when this returns, in no coordinator.
    """
    by_name = {lane.name: lane for lane in lanes}
    waiting = _left_over(lanes)
    while True:
        waiting = _begin(waiting, crew, make_job)
        while crew.free > 0 and not waiting and (lane := _next_lane(lanes, crew, limits)) is not None:
            _propose(lane, crew, make_job, limits, seed)
        if not crew.busy and not waiting and _next_lane(lanes, crew, limits) is None:
            if not lanes[0].ledger.others_work("search", STAGE):
                return
            time.sleep(LOOK_EVERY_S)  # for results that what comes next depends on
            waiting = _left_over(lanes)
        for row, outcome in crew.finished():
            _record(by_name[row.strategy], crew, row, outcome)


def _left_over(lanes: Sequence[Lane]) -> list[tuple[Lane, Row]]:
    """Rows of the search that nobody works on any more, of an earlier start or of another coordinator."""
    by_name = {lane.name: lane for lane in lanes}
    return [(by_name[row.strategy], row) for row in lanes[0].ledger.running() if row.stage in ("search", STAGE)]


def _begin(waiting: list[tuple[Lane, Row]], crew: Crew, make_job: MakeJob) -> list[tuple[Lane, Row]]:
    """Take up rows that an earlier start left running; those for which there is no worker yet wait on."""
    left = []
    for lane, row in waiting:
        known = lane.ledger.known(row) if row.stage == "search" else None
        if known is not None:
            _settle(crew, row, known)
        elif crew.free > 0:
            crew.start(row, make_job(row))
        else:
            left.append((lane, row))
    return left


def _next_lane(lanes: Sequence[Lane], crew: Crew, limits: Limits) -> Lane | None:
    """The strategy whose turn it is: the one that has spent least; None where all are done, or wait for a result."""
    able = [
        lane
        for lane in lanes
        if not (lane.waits or lane.exhausted or _spent(lane, limits) or _has_drawn_level(lane, lanes, limits))
    ]
    if limits.trials is not None:
        return min(able, key=lambda lane: lane.trainings, default=None)
    return min(
        able, key=lambda lane: (lane.seconds + crew.searching(lane.name) * lane.typical_seconds, lane.trainings), default=None
    )


def _spent(lane: Lane, limits: Limits) -> bool:
    if limits.trials is not None:
        return lane.trainings >= limits.trials
    assert limits.deadline is not None
    return lane.ledger.count(lane.name) > 0 and limits.clock() + lane.typical_seconds / 2 > limits.deadline


def _has_drawn_level(lane: Lane, lanes: Sequence[Lane], limits: Limits) -> bool:
    """Whether random search has had as many seconds as the dearest of the others, which are all at their end.

    It is there for a comparison at the same cost. Others that came to nothing are no measure of that.
    """
    others = [other for other in lanes if other is not lane]
    if limits.trials is not None or lane.name != COMPARISON or not all(other.exhausted for other in others):
        return False
    taken = [other.seconds for other in others if other.history.complete]
    return bool(taken) and lane.seconds >= max(taken)


def _propose(lane: Lane, crew: Crew, make_job: MakeJob, limits: Limits, seed: int) -> None:
    """Ask the strategy until it names a network that is not known, and begin its training; or until it has to wait.

    A one-shot method whose supernet is not trained yet begins with that.
    """
    if lane.supernet is not None and not lane.supernet.ended:
        training = lane.supernet.begin(seed)
        crew.start(training, make_job(training))
        return
    while not (lane.waits or lane.exhausted):
        row = _ask(lane, limits, seed)
        if row is None:
            continue
        known = lane.ledger.known(row)
        if known is None:
            lane.told_of_pending = 0
            crew.start(row, make_job(row))
            return
        _settle(crew, row, known)
        lane.told_of_pending += known.state == "running"


def _ask(lane: Lane, limits: Limits, seed: int) -> Row | None:
    """A new row for what the strategy proposes; None where another coordinator took the number meanwhile, or nothing is begun.

    A proposal that takes more than is left of the trials is not: the lane waits for a result that may change the strategy's mind.
    """
    history = lane.history
    number = lane.ledger.next_number("search", lane.name)
    proposal = lane.strategy.propose(lane.space, history, Random(f"{seed}/{lane.name}/{number}"))
    key, epochs = key_of(lane.space, proposal.architecture), proposal.epochs or lane.epochs
    continued = _continued(lane, proposal, key, epochs)
    known = lane.ledger.first_with_key("search", lane.name, key, epochs)
    if known is None and limits.trials is not None and lane.trainings + lane.cost(proposal) > limits.trials + ROUNDING:
        lane.asked_for_too_much = True
        return None
    try:
        return lane.ledger.begin(
            stage="search",
            strategy=lane.name,
            architecture=proposal.architecture,
            questions=tuple(questions_asked(lane.space.decide, proposal.architecture.answers).values()),
            key=key,
            parent=proposal.parent,
            continues=proposal.continues,
            note=proposal.note,
            seen=len(history.finished),
            seed=continued.seed if continued is not None else training_seed(seed, lane.name, number),
            epochs=epochs,
            number=number,
        )
    except Overtaken:
        return None


def _continued(lane: Lane, proposal: Proposal, key: str, epochs: float) -> Row | None:
    """The row whose training the proposal goes on with. Raises InputError where the strategy asks for what cannot be."""
    if epochs > lane.epochs:
        raise InputError(
            f"strategy {lane.name!r} asks for {epochs:g} epochs, and a full training of the search has {lane.epochs:g}"
        )
    if proposal.continues is None:
        return None
    row = lane.ledger.searched(lane.name, proposal.continues)
    if row is None or row.key != key or row.state != "complete" or (row.epochs or 0.0) >= epochs:
        raise InputError(
            f"strategy {lane.name!r} wants to train candidate {proposal.continues} on to {epochs:g} epochs: `continues` takes the "
            "number of a complete candidate with the same network and fewer epochs"
        )
    return row


def _settle(crew: Crew, row: Row, known: Row) -> None:
    """Give a row the result of the equal network that is known; one that is pending leaves it waiting."""
    if known.state == "running":
        return
    if known.state == "refused":
        crew.record(row, "refused", cause=known.cause)
    else:
        free = replace(known.outcome, seconds=0.0) if known.outcome is not None else None
        crew.record(row, "duplicate", free, known.scores, f"the network of {known.run_number}")


def _record(lane: Lane, crew: Crew, row: Row, outcome: Outcome) -> None:
    """Write down what came of a training, for its row and for those that waited for an equal network."""
    lane.told_of_pending, lane.asked_for_too_much = 0, False
    if row.stage == STAGE:
        crew.record(row, outcome.state, outcome)
        return
    scores = scores_of(lane.objectives, outcome)
    if outcome.state == "complete" and scores is None:
        done = crew.record(row, "failed", outcome, cause="an objective was not measured")
    else:
        done = crew.record(row, outcome.state, outcome, scores, outcome.cause)
    for waiting in lane.ledger.waiting_for(done):
        _settle(crew, waiting, done)


def best_candidates(lane: Lane, k: int) -> list[Row]:
    """The k best complete candidates by their first score, each network once; the earlier of equals.

    Only scores after as many epochs are compared: those of the most come first, and the next only where there are fewer than k.
    """
    complete = [row for row in lane.rows if row.state == "complete" and row.scores]
    ranked = sorted(complete, key=lambda row: (-(row.epochs or 0.0), -(row.scores or (0.0,))[0], row.number))
    first = {row.key: row for row in reversed(ranked)}
    return [row for row in ranked if first[row.key] is row][:k]
