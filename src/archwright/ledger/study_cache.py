"""An in-memory cache of one Optuna study: its rows, and the history that strategies see, updated row by row."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from optuna.trial import FrozenTrial

from archwright.evaluate.history import Candidate, History, Objective
from archwright.evaluate.job import Stage
from archwright.ledger.row import Row, row_of

TRAINED = ("complete", "failed", "pruned")
"""States of rows that were trained; duplicates and refused networks were not."""


@dataclass(frozen=True)
class Tally:
    """Totals over the trainings of a search that have ended: their number, their epochs, and their duration in seconds."""

    trainings: int = 0
    epochs: float = 0.0
    seconds: float = 0.0

    def after(self, row: Row, epochs: float) -> Tally:
        """The tally including this row, which has ended and was given so many epochs."""
        if row.state not in TRAINED:
            return self
        seconds = row.outcome.seconds if row.outcome is not None else 0.0
        return Tally(self.trainings + 1, self.epochs + epochs, self.seconds + seconds)


class StudyCache:
    """The known contents of the study `study_id`.

    `rows`: by number, in ascending order. `trials`: their count, including trials that another program added to the study. `tally`:
    of the search's ended trainings. `running_epochs`: the epochs of its running trainings. All are updated row by row, so that the
    cost of a proposal does not grow with the number of rows.
    """

    def __init__(self, study_id: int, objectives: tuple[Objective, ...]) -> None:
        self.study_id = study_id
        self.objectives = objectives
        self.rows: dict[int, Row] = {}
        self.trials = 0
        self.next_sequence = 0
        self.tally = Tally()
        self.running_epochs = 0.0
        self._finished_prefix = 0
        self._number_by_token: dict[str, int] = {}
        self._with_key: dict[tuple[Stage, str, str], list[int]] = {}
        self._finished: list[Candidate] = []
        self._pending: dict[int, Candidate] = {}
        self._pending_epochs: dict[int, float] = {}  # the epochs of each pending candidate
        self._refused: list[Candidate] = []
        self._history: History | None = None

    def history(self) -> History:
        """The current rows as a history; finished candidates in order of completion."""
        if self._history is None:
            self._history = History(self.objectives, tuple(self._finished), tuple(self._pending.values()), tuple(self._refused))
        return self._history

    def with_key(self, stage: Stage, strategy: str, key: str) -> Iterator[Row]:
        """The rows of this network, by number."""
        return (self.rows[number] for number in self._with_key.get((stage, strategy, key), ()))

    def first_with_key(self, stage: Stage, strategy: str, key: str, epochs: float = 0.0) -> Row | None:
        """The lowest-numbered row of this network that is evaluated after at least so many epochs."""
        return next((row for row in self.with_key(stage, strategy, key) if (row.epochs or 0.0) >= epochs), None)

    def known(self, row: Row) -> Row | None:
        """The earlier row of an equal network with no fewer epochs, if any."""
        first = self.first_with_key(row.stage, row.strategy, row.key, row.epochs or 0.0)
        return first if first is not None and first.number < row.number else None

    def epochs_of(self, epochs: float | None, continues: int | None) -> float:
        """The cost, in epochs, of a training that ends after `epochs`: without those of the training that it continues."""
        done = self.rows[continues].epochs if continues is not None else None
        return (epochs or 0.0) - (done or 0.0)

    def with_token(self, token: str) -> Row | None:
        """The row written by the call of `Ledger.begin` with this token, if any."""
        number = self._number_by_token.get(token)
        return self.rows[number] if number is not None else None

    def read(self, trials: Sequence[FrozenTrial]) -> None:
        """Add what is new. `trials`: all trials of the study, by number; only those from the first unfinished one on are read."""
        self.trials = max(self.trials, len(trials))
        unread = islice(trials, self._finished_prefix, None)
        changed = {row.token: row for trial in unread if (row := self._unfinished_row(trial)) is not None}
        for row in sorted(changed.values(), key=_completion_order):
            if self._number_by_token.get(row.token, row.number) <= row.number:
                numbered = row.sequence is not None or row.state == "running"
                self._store(row if numbered else replace(row, sequence=self.next_sequence))
        if changed:
            self.rows = dict(sorted(self.rows.items()))
            self._recount_running_epochs()
        while self._finished_prefix < len(trials) and self._is_finished(self._finished_prefix):
            self._finished_prefix += 1

    def _unfinished_row(self, trial: FrozenTrial) -> Row | None:
        return None if self._is_finished(trial.number) else row_of(trial)

    def _is_finished(self, number: int) -> bool:
        return number in self.rows and self.rows[number].sequence is not None

    def put(self, row: Row) -> None:
        """Add a new row or update one; to be called in order of completion."""
        self._store(row)
        if row.number in self._pending:
            self._count_epochs(row)

    def _store(self, row: Row) -> None:
        self._history = None
        self._drop_duplicate(row)
        self.rows[row.number] = row
        self.trials = max(self.trials, row.number + 1)
        with_key = self._with_key.setdefault((row.stage, row.strategy, row.key), [])
        if row.number not in with_key:
            insort(with_key, row.number)
        if row.sequence is not None:
            self.next_sequence = max(self.next_sequence, row.sequence + 1)
        if row.stage == "search":
            self._update_candidates(row)

    def _drop_duplicate(self, row: Row) -> None:
        """Optuna creates a trial twice if the database's reply is lost; the second one is used, so drop the first."""
        number = self._number_by_token.setdefault(row.token, row.number)
        if number != row.number:
            self._number_by_token[row.token] = row.number
            self._remove_pending(number)
            duplicate = self.rows.pop(number)
            self._with_key[duplicate.stage, duplicate.strategy, duplicate.key].remove(number)

    def _update_candidates(self, row: Row) -> None:
        if row.sequence is None:
            self._pending[row.number] = row.candidate()
        else:
            self._remove_pending(row.number)
            self.tally = self.tally.after(row, self.epochs_of(row.epochs, row.continues))
            (self._refused if row.state == "refused" else self._finished).append(row.candidate())

    def _count_epochs(self, row: Row) -> None:
        """Count the epochs of a running row; a row that waits for an equal network's result is not trained."""
        before = self._pending_epochs.get(row.number, 0.0)
        self._pending_epochs[row.number] = 0.0 if self.known(row) is not None else self.epochs_of(row.epochs, row.continues)
        self.running_epochs += self._pending_epochs[row.number] - before

    def _remove_pending(self, number: int) -> None:
        self._pending.pop(number, None)
        self.running_epochs -= self._pending_epochs.pop(number, 0.0)
        if not self._pending_epochs:
            self.running_epochs = 0.0  # discard rounding errors

    def _recount_running_epochs(self) -> None:
        """Recount all running rows, as rows just read may precede them."""
        for number in self._pending:
            self._count_epochs(self.rows[number])


def _completion_order(row: Row) -> float:
    """Sort key: running rows, then finished ones in order of completion, then those ended by another program."""
    if row.sequence is not None:
        return row.sequence
    return -1 if row.state == "running" else float("inf")
