"""The ledger: a record in Optuna's storage of all trainings and their results, which a kill at any moment leaves consistent.

There is one Optuna study per search strategy, `RUN/search/NAME`, and `RUN/final` for final trainings and baselines, which also
holds the settings of the whole run. Rows are cached in memory and written through, so a proposal never rereads a study.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from errno import EBUSY
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import TrialState

from archwright.architecture.question import Question
from archwright.errors import RunFolderError
from archwright.evaluate.history import History, Objective, State
from archwright.evaluate.job import Outcome, Stage
from archwright.ledger.json_file import without_nan
from archwright.ledger.lease import Lease, Renewal, new_lease
from archwright.ledger.row import (
    ATTEMPT,
    RESULT,
    Row,
    ended_elsewhere,
    optuna_result,
    result_attribute,
    row_of,
    study_name,
    trial_of,
)
from archwright.ledger.storage import OpenStorage, open_storage, with_retries
from archwright.ledger.study_cache import StudyCache, Tally

FINAL = "final"
FINAL_OBJECTIVES = (Objective("validation", maximize=True),)
LEASE, STUDIES, SETTING, LAST_EXCLUSIVE = "archwright:lease:", "archwright:studies", "archwright:setting:", "archwright:turn"
TASK = "archwright:task:"
LOOK_EVERY_S = 2.0
"""Seconds between two checks of what other coordinators are doing."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


class AlreadyTaken(Exception):
    """Another coordinator has taken this number or row in the meantime: read the history again."""


class Ledger:
    """All rows of one run. Open it with `Ledger.open` and close it (or use `with`), or the run stays leased to this process.

    A row's `run_number` is the number of rows in the run before it, determined while no other coordinator can begin a row, and
    stored with it. (Trial ids are unsuitable: other runs in the same database leave gaps in them, and PostgreSQL assigns them
    before a transaction commits, so that a lower one can appear after a higher one.) A `sequence` is determined in the same way.
    In storage for a single coordinator (SQLite, memory), the cache is exact and nothing is reread. `on_finish`: called with each
    row that this coordinator has finished.
    """

    def __init__(self, opened: OpenStorage, run_id: str, lease: Lease | None) -> None:
        self._opened = opened
        self._storage = opened.storage
        self.on_finish: Callable[[Row], None] = lambda row: None
        self.run_id = run_id
        self.notes = opened.notes
        self.coordinator = lease.coordinator if lease is not None else ""
        self._leases: dict[str, Lease] = {}
        self._studies: dict[str, StudyCache] = {}
        self._rows_begun = 0
        self._attempted: set[int] = set()
        self._is_retry = False
        self._lease = lease
        self._renewal: Renewal | None = None
        self._final_id = self._study_id(FINAL, FINAL_OBJECTIVES) if lease is not None else self._existing_study_id(FINAL)

    @classmethod
    def open(cls, url: str | None, run_folder: Path, run_id: str | None = None, *, coordinate: bool = True) -> Self:
        """Open the ledger of run `run_id` (default: the folder's name) in the storage `url` (default: SQLite in the folder).

        With `coordinate`, it is created if necessary and leased to this process, and results that a kill left half-written are
        completed; without, it is only read. Raises InputError if the storage cannot be opened, and RunFolderError if there is no
        such run to read, or if another process is working on a run in SQLite.
        """
        run_id = run_id or run_folder.absolute().name
        with ExitStack() as undo:
            opened = open_storage(url, run_folder, must_exist=not coordinate)
            undo.callback(opened.close)
            ledger = cls(opened, run_id, new_lease() if coordinate else None)
            ledger._take_lease()
            undo.callback(ledger._release_lease)
            ledger._exclusively(ledger._complete_results)
            undo.pop_all()
        return ledger

    def close(self) -> None:
        """Release the lease and close the storage."""
        self._release_lease()
        self._opened.close()

    def _release_lease(self) -> None:
        if self._renewal is not None:
            self._renewal.end()
            self._renewal = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # Settings of the whole run.

    def setting(self, name: str, default: Any = None) -> Any:
        """The value that `set_setting` stored under this name, by any coordinator."""
        return with_retries(lambda: self._storage.get_study_user_attrs(self._final_id)).get(SETTING + name, default)

    def set_setting(self, name: str, value: Any) -> None:
        """Store a JSON value for the whole run."""
        with_retries(lambda: self._storage.set_study_user_attr(self._final_id, SETTING + name, without_nan(value)))

    def set_default(self, name: str, value: Any) -> Any:
        """The value stored under this name; if there is none, store `value`. So the first coordinator decides for all."""

        def decide() -> Any:
            known = self._storage.get_study_user_attrs(self._final_id).get(SETTING + name)
            if known is None:
                known = without_nan(value)
                self._storage.set_study_user_attr(self._final_id, SETTING + name, known)
            return known

        return self._exclusively(decide)

    def settings_of_all(self, name: str) -> dict[str, Any]:
        """The values that `set_setting` stored under names with this prefix, by the rest of the name."""
        attributes = with_retries(lambda: self._storage.get_study_user_attrs(self._final_id))
        prefix = SETTING + name
        return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}

    def claim(self, task: str) -> bool:
        """Claim a task of the whole run; returns False if another coordinator that is still alive has claimed it."""

        def decide() -> bool:
            attributes = self._storage.get_study_user_attrs(self._final_id)
            holder = attributes.get(TASK + task, self.coordinator)
            lease = attributes.get(LEASE + holder)
            if holder != self.coordinator and lease is not None and not Lease.from_json(lease).has_expired():
                return False
            self._storage.set_study_user_attr(self._final_id, TASK + task, self.coordinator)
            return True

        return self._exclusively(decide)

    # Reading.

    def rows(self, stage: Stage | None = None, strategy: str | None = None) -> tuple[Row, ...]:
        """The rows of a stage and a strategy (default: of all), in the order in which they were begun."""
        if stage == "search" and strategy is not None:
            cache = self._studies.get(study_name(stage, strategy))
            return tuple(cache.rows.values()) if cache is not None else ()
        all_rows = (row for cache in self._studies.values() for row in cache.rows.values())
        found = [row for row in all_rows if stage in (None, row.stage) and strategy in (None, row.strategy)]
        return tuple(sorted(found, key=lambda row: row.run_number))

    def latest(self, strategy: str) -> Iterator[Row]:
        """The rows of a strategy's search, latest first."""
        cache = self._studies.get(study_name("search", strategy))
        return reversed(cache.rows.values()) if cache is not None else iter(())

    def count(self, strategy: str) -> int:
        """The number of rows in a strategy's search."""
        cache = self._studies.get(study_name("search", strategy))
        return len(cache.rows) if cache is not None else 0

    def waiting_for(self, row: Row) -> list[Row]:
        """The running rows that wait for this one's result, as they have an equal network and no more epochs."""
        cache = self._studies[row.study]
        equal = cache.with_key(row.stage, row.strategy, row.key)
        return [other for other in equal if other.state == "running" and cache.known(other) is cache.rows[row.number]]

    def known(self, row: Row) -> Row | None:
        """The earlier row of an equal network with no fewer epochs, if any: finished, refused or pending."""
        return self._studies[row.study].known(row)

    def first_with_key(self, stage: Stage, strategy: str, key: str, epochs: float = 0.0) -> Row | None:
        """The earliest row of this network in a strategy that is evaluated after at least so many epochs."""
        cache = self._studies.get(study_name(stage, strategy))
        return cache.first_with_key(stage, strategy, key, epochs) if cache is not None else None

    def search_row(self, strategy: str, number: int) -> Row | None:
        """The row with this number in a strategy's search, if any."""
        cache = self._studies.get(study_name("search", strategy))
        return cache.rows.get(number) if cache is not None else None

    def epochs_of(self, strategy: str, epochs: float | None, continues: int | None) -> float:
        """The cost, in epochs, of a search training that ends after `epochs`: without those of the training that it continues."""
        return self._studies[study_name("search", strategy)].epochs_of(epochs, continues)

    def tally(self, strategy: str) -> Tally:
        """Totals over the ended trainings of a strategy's search, updated incrementally."""
        cache = self._studies.get(study_name("search", strategy))
        return cache.tally if cache is not None else Tally()

    def running_epochs(self, strategy: str) -> float:
        """The epochs of all running trainings of a strategy's search; rows that wait for an equal network's result do not count."""
        cache = self._studies.get(study_name("search", strategy))
        return cache.running_epochs if cache is not None else 0.0

    def next_number(self, stage: Stage, strategy: str) -> int:
        """The number of the next row within its study."""
        cache = self._studies.get(study_name(stage, strategy))
        return cache.trials if cache is not None else 0

    def history(self, strategy: str, objectives: tuple[Objective, ...]) -> History:
        """The history of a strategy's search; of other coordinators' rows, up to our last `begin`, `finish` or `refresh`.

        Raises RunFolderError if the objectives differ from those that the search began with.
        """
        name = study_name("search", strategy)
        if name not in self._studies:
            self._exclusively(lambda: self._declare(name, objectives))
        cache = self._studies[name]
        if cache.objectives != objectives:
            known = ", ".join(objective.name for objective in cache.objectives)
            raise RunFolderError(
                f"the search by {strategy} in this run has the objectives {known}: give the same ones, or another --out"
            )
        return cache.history()

    def running(self) -> list[Row]:
        """Running rows that nobody works on any more: to be resumed (`attempt`) under their own number and seed."""
        if self._opened.shared:
            with_retries(self.refresh)
        return [row for row in self.rows() if row.state == "running" and self._is_free(row)]

    def others_are_working(self, *stages: Stage) -> bool:
        """Whether another coordinator is working on rows of these stages (default: of any); abandoned rows do not count."""
        free = {row.run_number for row in self.running()}
        rows = (row for row in self.rows() if row.state == "running" and row.coordinator != self.coordinator)
        return any(row.stage in (stages or (row.stage,)) and row.run_number not in free for row in rows)

    def refresh(self) -> None:
        """Read what other coordinators have written."""
        self._read_changes(self._storage.get_study_user_attrs(self._final_id))

    def _read_changes(self, attributes: Mapping[str, Any]) -> None:
        self._leases = {key: Lease.from_json(value) for key, value in attributes.items() if key.startswith(LEASE)}
        for name, objectives in [(FINAL, FINAL_OBJECTIVES), *_declared(attributes).items()]:
            if name not in self._studies:
                self._studies[name] = StudyCache(self._existing_study_id(name), objectives)
            self._read(self._studies[name])

    def _read(self, cache: StudyCache) -> None:
        cache.read(self._storage.get_all_trials(cache.study_id, deepcopy=False))

    # Writing.

    def begin(self, row: Row, questions: Sequence[Question] = ()) -> Row:
        """Write a new running row, in one transaction, and return it with its numbers. `history` must have been called before.

        `questions`: those that its architecture answers. `row.number`: the expected number within the study, if the caller relied
        on it (it seeds the proposal), else -1; raises AlreadyTaken, and writes nothing, if another coordinator was faster.
        """
        self._rows_begun += 1
        row = replace(row, coordinator=self.coordinator, token=f"{self.coordinator}/{self._rows_begun}")
        return self._exclusively(lambda: self._create(row, questions))

    def begin_once(self, row: Row) -> Row:
        """The row of this stage, strategy and key: a new one, unless any coordinator has begun it."""
        while (known := self.first_with_key(row.stage, row.strategy, row.key)) is None:
            with suppress(AlreadyTaken):
                return self.begin(replace(row, number=self.next_number(row.stage, row.strategy)))
        return known

    def _create(self, row: Row, questions: Sequence[Question]) -> Row:
        cache = self._studies[row.study]
        written = cache.with_token(row.token)  # by an earlier attempt, if the storage failed after it
        if written is not None:
            return written
        if row.number not in (-1, cache.trials):
            raise AlreadyTaken(f"the next number in {row.study} is now {cache.trials}")
        row = replace(row, run_number=sum(len(other.rows) for other in self._studies.values()))
        trial_id = self._storage.create_new_trial(cache.study_id, trial_of(row, questions, cache.objectives))
        row = replace(row, trial_id=trial_id, number=self._trial_number(trial_id, cache))
        cache.put(row)
        return row

    def _trial_number(self, trial_id: int, cache: StudyCache) -> int:
        """The next number, unless another program has added trials to the study; from Optuna's cache, without a query."""
        try:
            if self._storage.get_trial_id_from_study_id_trial_number(cache.study_id, cache.trials) == trial_id:
                return cache.trials
        except KeyError:
            logger.warning("the study of run %s was changed by another program", self.run_id)
        return self._storage.get_trial_number_from_id(trial_id)

    def attempt(self, row: Row) -> int:
        """Record that the row's training starts, and return the number of the attempt: 1, plus one per retry after a machine fault.

        Resuming a row whose coordinator died is not a new attempt. Raises AlreadyTaken if another coordinator has taken the row.
        """
        if row.coordinator == self.coordinator and row.trial_id not in self._attempted:
            self._attempted.add(row.trial_id)
            return row.attempts
        return self._exclusively(lambda: self._attempt_again(row.study, row.number))

    def _attempt_again(self, study: str, number: int) -> int:
        cache = self._studies[study]
        row = cache.rows[number]
        if row.sequence is not None or not (row.coordinator == self.coordinator or self._is_free(row)):
            raise AlreadyTaken(f"another coordinator has taken row {row.run_number}")
        retried = row.trial_id in self._attempted
        row = replace(row, coordinator=self.coordinator, attempts=row.attempts + retried)
        attempt = {"coordinator": row.coordinator, "attempts": row.attempts}
        self._storage.set_trial_user_attr(row.trial_id, ATTEMPT, attempt)
        self._attempted.add(row.trial_id)
        cache.put(row)
        return row.attempts

    def finish(
        self,
        row: Row,
        state: State,
        outcome: Outcome | None = None,
        *,
        cause: str | None = None,
        scores: tuple[float, ...] | None = None,
    ) -> Row:
        """Write the result of a row and return the row. One already finished (by another coordinator) is left unchanged.

        `scores`: one per objective, higher is better, for complete rows and duplicates of them. A score that is not finite turns
        the row into a failed one. `cause`: defaults to the outcome's.
        """
        reason = cause if cause is not None else outcome.cause if outcome is not None else ""
        if scores is not None and not all(map(math.isfinite, scores)):
            state, scores, reason = "failed", None, reason or "the score is not a finite number"
        cache = self._studies[row.study]
        if state == "complete" and row.stage == "search" and len(scores or ()) != len(cache.objectives):
            raise ValueError(f"row {row.run_number} is complete with the scores {scores}: give one per objective")
        result = replace(row, state=state, cause=reason, scores=scores, outcome=outcome)
        done = self._exclusively(lambda: self._write_result(result))
        self.on_finish(done)
        return done

    def _write_result(self, result: Row) -> Row:
        """Write the result, then Optuna's state; `_complete_results` repairs a kill in between (storage without transactions)."""
        cache = self._studies[result.study]
        row = cache.rows[result.number]
        if row.sequence is None:
            row = replace(result, coordinator=row.coordinator, attempts=row.attempts, sequence=cache.next_sequence)
            try:
                with self._opened.transaction():
                    self._storage.set_trial_user_attr(row.trial_id, RESULT, result_attribute(row))
                    self._set_state(row, cache)
            except UpdateFinishedTrialError:
                row = self._ended_elsewhere(row)
            cache.put(row)
        elif self._is_retry:
            self._set_missing_state(row, cache)
        return row

    def _ended_elsewhere(self, row: Row) -> Row:
        """The stored row of a trial that another program ended while we wrote, with or without its result."""
        stored = row_of(self._storage.get_trial(row.trial_id))
        return replace(stored or ended_elsewhere(row), sequence=row.sequence)

    def _set_state(self, row: Row, cache: StudyCache) -> None:
        """Raises OSError (transient, see `with_retries`) if Optuna reports that another program wrote at the same time."""
        if self._storage.set_trial_state_values(row.trial_id, *optuna_result(row, cache.objectives)) is False:
            raise OSError(EBUSY, "another program wrote to the same trial")

    def _set_missing_state(self, row: Row, cache: StudyCache) -> None:
        """Set the state of a row whose result is already written, unless its trial has ended in the meantime."""
        with suppress(UpdateFinishedTrialError):
            self._set_state(row, cache)

    def _complete_results(self) -> None:
        """Set Optuna's state for rows whose result was written by a coordinator that died before it could set it."""
        if self._lease is None:
            return
        for cache in self._studies.values():
            unfinished = {trial._trial_id for trial in self._storage.get_all_trials(cache.study_id, False, (TrialState.RUNNING,))}
            for row in cache.rows.values():
                if row.trial_id in unfinished and row.sequence is not None:
                    self._set_missing_state(row, cache)

    # Exclusive access.

    def _exclusively(self, action: Callable[[], T]) -> T:
        """Run `action` with exclusive access and an up-to-date cache; retry if the storage fails."""
        tries = itertools.count()

        def attempt() -> T:
            self._is_retry = next(tries) > 0
            with self._exclusive_access():
                return action()

        return with_retries(attempt)

    @contextmanager
    def _exclusive_access(self) -> Iterator[None]:
        """Exclusive access with an up-to-date cache; studies are reread only if another coordinator had access last."""
        if not self._opened.shared or self._lease is None:
            if self._is_retry:
                self.refresh()
            yield
            return
        with self._opened.exclusive(self.run_id):
            attributes = self._storage.get_study_user_attrs(self._final_id)
            if self._is_retry or attributes.get(LAST_EXCLUSIVE) != self.coordinator:
                self._read_changes(attributes)
                self._storage.set_study_user_attr(self._final_id, LAST_EXCLUSIVE, self.coordinator)
            yield

    def _take_lease(self) -> None:
        lease = self._lease
        if lease is None or self._opened.kind == "memory":
            self.refresh()
            return
        with self._opened.exclusive(self.run_id):
            self.refresh()
            if not self._opened.shared:
                self._refuse_second_coordinator()
            self._write_lease(lease)
        self._renewal = Renewal(lease, self._write_lease, self._opened.close_thread)

    def _refuse_second_coordinator(self) -> None:
        holder = next((other for other in self._leases.values() if other.excludes_others()), None)
        if holder is not None:
            raise RunFolderError(
                f"{self._opened.place} is in use by {holder.holder}: wait for it to finish, or end it"
                f"{_expiry_hint(holder)}; for several coordinators give --storage postgresql://... or journal:PATH"
            )

    def _write_lease(self, lease: Lease) -> None:
        self._storage.set_study_user_attr(self._final_id, LEASE + lease.coordinator, lease.to_json())

    def _is_free(self, row: Row) -> bool:
        if row.coordinator == self.coordinator:
            return False
        lease = self._leases.get(LEASE + row.coordinator)
        return lease is None or lease.has_expired()

    # Optuna studies.

    def _declare(self, name: str, objectives: tuple[Objective, ...]) -> None:
        """Create a strategy's study and announce it to the other coordinators."""
        if name in self._studies:
            return
        if self._lease is None:
            raise RunFolderError(f"run {self.run_id!r} holds no {name}: choose from {', '.join(self._studies)}")
        study_id = self._study_id(name, objectives)
        declared = {**_declared(self._storage.get_study_user_attrs(self._final_id)), name: objectives}
        stored = {key: [[o.name, o.maximize] for o in value] for key, value in declared.items()}
        self._storage.set_study_user_attr(self._final_id, STUDIES, stored)
        self._studies[name] = StudyCache(study_id, objectives)
        self._read(self._studies[name])

    def _study_id(self, name: str, objectives: Sequence[Objective]) -> int:
        directions = [StudyDirection.MAXIMIZE if o.maximize else StudyDirection.MINIMIZE for o in objectives]
        full_name = f"{self.run_id}/{name}"
        try:
            return with_retries(lambda: self._storage.get_study_id_from_name(full_name))
        except KeyError:
            try:
                return with_retries(lambda: self._storage.create_new_study(directions, full_name))
            except DuplicatedStudyError:
                return with_retries(lambda: self._storage.get_study_id_from_name(full_name))

    def _existing_study_id(self, name: str) -> int:
        try:
            return self._storage.get_study_id_from_name(f"{self.run_id}/{name}")
        except KeyError:
            raise RunFolderError(f"{self._opened.place} holds no run {self.run_id!r}: check the folder and --storage") from None


def _declared(attributes: Mapping[str, Any]) -> dict[str, tuple[Objective, ...]]:
    stored = attributes.get(STUDIES, {})
    return {name: tuple(Objective(*pair) for pair in objectives) for name, objectives in stored.items()}


def _expiry_hint(holder: Lease) -> str:
    return "" if holder.alive() else " (if that machine is gone, its lease expires within a minute)"
