"""One strategy's search, by two calls: `ask` for the next network to train, and `tell` what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile
from random import Random

from archwright.architecture.variation import questions_asked
from archwright.errors import InputError
from archwright.evaluate.history import History, Objective, Proposal, key_of
from archwright.evaluate.job import Outcome, training_seed
from archwright.evaluate.objective import scores_of
from archwright.ledger.ledger import AlreadyTaken, Ledger
from archwright.ledger.row import Row
from archwright.search_space import SearchSpace
from archwright.search_strategy import Strategy
from archwright.study.proposals import EXHAUSTED_AFTER, MOST_PENDING_REPEATS, give_result_to_repeats, next_new
from archwright.study.supernet_search import STAGE, SupernetSearch

ROUNDING = 1e-6
"""Shares of a training may add up to a little more than the whole."""


class StrategyRun:
    """What one strategy has proposed, trained and spent. All of it is read from the ledger, and all proposals are written there.

    `epochs`: of a full training. `seed`: the run's. `trials`: how many full trainings' epochs it may use; None is no limit.
    """

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        space: SearchSpace,
        ledger: Ledger,
        objectives: tuple[Objective, ...],
        epochs: float,
        seed: int = 0,
        trials: int | None = None,
    ) -> None:
        self.name = name
        self.strategy = strategy
        self.space = space
        self.ledger = ledger
        self.objectives = objectives
        self.epochs = epochs
        self.seed = seed
        self.trials = trials
        self.pending_repeats = 0
        self._asked_beyond_limit = False

    def ask(self) -> Row | None:
        """The row of the next training: a new network, or first the supernet of a one-shot method.

        None if the strategy has to wait for a result, or is exhausted.
        """
        if self.supernet is not None and not self.supernet.ended:
            return self.supernet.begin(self.seed)
        return next_new(self)

    def tell(self, row: Row, outcome: Outcome) -> None:
        """Record what came of a training, for its row and for those that waited for an equal network."""
        self.pending_repeats, self._asked_beyond_limit = 0, False
        scores = scores_of(self.objectives, outcome) if row.stage != STAGE else None
        if row.stage == STAGE:
            self.ledger.finish(row, outcome.state, outcome)
        elif outcome.state == "complete" and scores is None:
            give_result_to_repeats(self, self.ledger.finish(row, "failed", outcome, cause="an objective was not measured"))
        else:
            give_result_to_repeats(self, self.ledger.finish(row, outcome.state, outcome, scores=scores))

    # What has been done so far.

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

    @property
    def seconds(self) -> float:
        """Training seconds spent, those of a supernet too."""
        return self.ledger.tally(self.name).seconds + (self.supernet.seconds if self.supernet is not None else 0.0)

    @property
    def typical_seconds(self) -> float:
        """Mean seconds of a candidate's training so far; 0 before the first has ended."""
        tally = self.ledger.tally(self.name)
        return tally.seconds / tally.trainings if tally.trainings else 0.0

    # What `proposals.next_new` wants to know.

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
        told = self.pending_repeats >= MOST_PENDING_REPEATS or self._asked_beyond_limit
        return told or (self.supernet is not None and self.supernet.trains)

    def propose(self) -> Row | None:
        """A new row for what the strategy proposes; None where another coordinator took the number meanwhile.

        A proposal that takes more than is left of the trials is not written down either: the strategy waits for a result that may
        change its mind.
        """
        history, number = self.history, self.ledger.next_number("search", self.name)
        proposal = self.strategy.propose(self.space, history, Random(f"{self.seed}/{self.name}/{number}"))
        row = self._row_of(proposal, number, len(history.finished))
        if self.ledger.first_with_key("search", self.name, row.key, row.epochs or 0.0) is None and self._is_too_much(row):
            self._asked_beyond_limit = True
            return None
        try:
            return self.ledger.begin(row, tuple(questions_asked(self.space.decide, proposal.architecture.answers).values()))
        except AlreadyTaken:
            return None

    def known(self, row: Row) -> Row | None:
        return self.ledger.known(row)

    def is_pending(self, row: Row) -> bool:
        return row.state == "running"

    def repeats(self, row: Row) -> list[Row]:
        return self.ledger.waiting_for(row)

    def copy_result(self, row: Row, known: Row) -> None:
        if known.state == "refused":
            self.ledger.finish(row, "refused", cause=known.cause)
        else:
            free = replace(known.outcome, seconds=0.0) if known.outcome is not None else None
            self.ledger.finish(row, "duplicate", free, cause=f"the network of {known.run_number}", scores=known.scores)

    def _row_of(self, proposal: Proposal, number: int, seen: int) -> Row:
        """Raises InputError where the strategy asks for what cannot be."""
        key, epochs = key_of(self.space, proposal.architecture), proposal.epochs or self.epochs
        if epochs > self.epochs:
            raise InputError(
                f"strategy {self.name!r} asks for {epochs:g} epochs, and a full training of the search has {self.epochs:g}"
            )
        row = Row(
            "search",
            self.name,
            number=number,
            architecture=proposal.architecture,
            key=key,
            parent=proposal.parent,
            continues=proposal.continues,
            note=dict(proposal.note),
            seed=training_seed(self.seed, self.name, number),
            seen=seen,
            epochs=epochs,
        )
        return row if proposal.continues is None else replace(row, seed=self._continued(row, proposal.continues).seed)

    def _continued(self, row: Row, number: int) -> Row:
        """The earlier row whose training this one continues."""
        earlier = self.ledger.search_row(self.name, number)
        if earlier is None or earlier.key != row.key or earlier.state != "complete" or (earlier.epochs or 0) >= (row.epochs or 0):
            raise InputError(
                f"strategy {self.name!r} wants to train candidate {number} on to {row.epochs:g} epochs: `continues` takes the "
                "number of a complete candidate with the same network and fewer epochs"
            )
        return earlier

    def _is_too_much(self, row: Row) -> bool:
        """What a training continues was paid for before."""
        if self.trials is None:
            return False
        epochs = self.ledger.epochs_of(self.name, row.epochs, row.continues)
        return self.trainings + epochs / self.epochs > self.trials + ROUNDING


def best_candidates(run: StrategyRun, k: int) -> list[Row]:
    """The k best complete candidates by their first score, each network once; the earlier of equals.

    Only scores after as many epochs are compared: those of the most come first, and the next only where there are fewer than k.
    """
    complete = [row for row in run.rows if row.state == "complete" and row.scores]
    ranked = sorted(complete, key=lambda row: (-(row.epochs or 0.0), -(row.scores or (0.0,))[0], row.number))
    first = {row.key: row for row in reversed(ranked)}
    return [row for row in ranked if first[row.key] is row][:k]
