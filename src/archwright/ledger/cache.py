"""One Optuna study in memory: its rows, and the history that strategies see, kept up to date row by row."""

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
"""States of a row that was trained; a duplicate or a refused network was not."""


@dataclass(frozen=True)
class Tally:
    """The trainings of a search that have ended, the epochs that they were given, and the seconds that they took."""

    trainings: int = 0
    epochs: float = 0.0
    seconds: float = 0.0

    def after(self, row: Row, epochs: float) -> Tally:
        """The tally when this row has ended too, which was given so many epochs."""
        if row.state not in TRAINED:
            return self
        seconds = row.outcome.seconds if row.outcome is not None else 0.0
        return Tally(self.trainings + 1, self.epochs + epochs, self.seconds + seconds)


class StudyCache:
    """What is known of the study `study_id`.

    `rows` by number, in the order of the numbers; `trials` counts also those that somebody else put into the study; `tally` of the
    search's ended trainings, and `running_epochs` of those that run. All is kept up to date row by row, so that a proposal takes no
    longer the more rows there are.
    """

    def __init__(self, study_id: int, objectives: tuple[Objective, ...]) -> None:
        self.study_id = study_id
        self.objectives = objectives
        self.rows: dict[int, Row] = {}
        self.trials = 0
        self.next_sequence = 0
        self.tally = Tally()
        self.running_epochs = 0.0
        self._settled = 0
        self._numbers: dict[str, int] = {}
        self._with_key: dict[tuple[Stage, str, str], list[int]] = {}
        self._finished: list[Candidate] = []
        self._pending: dict[int, Candidate] = {}
        self._given: dict[int, float] = {}  # the epochs of each pending one
        self._refused: list[Candidate] = []
        self._history: History | None = None

    def history(self) -> History:
        """The study's rows as they are now; the finished in order of completion."""
        if self._history is None:
            self._history = History(self.objectives, tuple(self._finished), tuple(self._pending.values()), tuple(self._refused))
        return self._history

    def with_key(self, stage: Stage, strategy: str, key: str) -> Iterator[Row]:
        """The rows that hold this network, in the order of their numbers."""
        return (self.rows[number] for number in self._with_key.get((stage, strategy, key), ()))

    def first_with_key(self, stage: Stage, strategy: str, key: str, epochs: float = 0.0) -> Row | None:
        """The row with the lowest number that holds this network, to be judged after at least so many epochs."""
        return next((row for row in self.with_key(stage, strategy, key) if (row.epochs or 0.0) >= epochs), None)

    def known(self, row: Row) -> Row | None:
        """The earlier row with an equal network and no fewer epochs."""
        first = self.first_with_key(row.stage, row.strategy, row.key, row.epochs or 0.0)
        return first if first is not None and first.number < row.number else None

    def epochs_of(self, epochs: float | None, continues: int | None) -> float:
        """What a training costs that ends after so many epochs: without those of the one that it continues."""
        begun = self.rows[continues].epochs if continues is not None else None
        return (epochs or 0.0) - (begun or 0.0)

    def with_token(self, token: str) -> Row | None:
        """The row that a certain call of `Ledger.begin` wrote."""
        number = self._numbers.get(token)
        return self.rows[number] if number is not None else None

    def read(self, trials: Sequence[FrozenTrial]) -> None:
        """Take in what is new. `trials`: all of the study, by number; those from the first unfinished on are looked at."""
        self.trials = max(self.trials, len(trials))
        news = {row.token: row for trial in islice(trials, self._settled, None) if (row := self._news(trial)) is not None}
        for row in sorted(news.values(), key=_completion):
            if self._numbers.get(row.token, row.number) <= row.number:
                numbered = row.sequence is not None or row.state == "running"
                self._take(row if numbered else replace(row, sequence=self.next_sequence))
        if news:
            self.rows = dict(sorted(self.rows.items()))
            self._count_running()
        while self._settled < len(trials) and self._is_settled(self._settled):
            self._settled += 1

    def _news(self, trial: FrozenTrial) -> Row | None:
        return None if self._is_settled(trial.number) else row_of(trial)

    def _is_settled(self, number: int) -> bool:
        return number in self.rows and self.rows[number].sequence is not None

    def put(self, row: Row) -> None:
        """Take in a new row, or what became of one; to be called in order of completion."""
        self._take(row)
        if row.number in self._pending:
            self._give(row)

    def _take(self, row: Row) -> None:
        self._history = None
        self._forget_double(row)
        self.rows[row.number] = row
        self.trials = max(self.trials, row.number + 1)
        with_key = self._with_key.setdefault((row.stage, row.strategy, row.key), [])
        if row.number not in with_key:
            insort(with_key, row.number)
        if row.sequence is not None:
            self.next_sequence = max(self.next_sequence, row.sequence + 1)
        if row.stage == "search":
            self._show(row)

    def _forget_double(self, row: Row) -> None:
        """Optuna makes a trial again where the database's answer was lost; the last of the two is the one that is worked on."""
        number = self._numbers.setdefault(row.token, row.number)
        if number != row.number:
            self._numbers[row.token] = row.number
            self._end(number)
            double = self.rows.pop(number)
            self._with_key[double.stage, double.strategy, double.key].remove(number)

    def _show(self, row: Row) -> None:
        if row.sequence is None:
            self._pending[row.number] = row.candidate()
        else:
            self._end(row.number)
            self.tally = self.tally.after(row, self.epochs_of(row.epochs, row.continues))
            (self._refused if row.state == "refused" else self._finished).append(row.candidate())

    def _give(self, row: Row) -> None:
        """Count the epochs of a running row; one that waits for an equal network's result is not trained."""
        before = self._given.get(row.number, 0.0)
        self._given[row.number] = 0.0 if self.known(row) is not None else self.epochs_of(row.epochs, row.continues)
        self.running_epochs += self._given[row.number] - before

    def _end(self, number: int) -> None:
        self._pending.pop(number, None)
        self.running_epochs -= self._given.pop(number, 0.0)
        if not self._given:
            self.running_epochs = 0.0  # whatever was lost in rounding

    def _count_running(self) -> None:
        """Anew, as what was read may stand before them."""
        for number in self._pending:
            self._give(self.rows[number])


def _completion(row: Row) -> float:
    """The running first, then in order of completion, then those that another program ended without a number."""
    if row.sequence is not None:
        return row.sequence
    return -1 if row.state == "running" else float("inf")
