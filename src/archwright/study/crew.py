"""Trainings in flight: the executor that works on them, and the ledger row that each belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archwright.evaluate.history import State
from archwright.evaluate.job import Job, Outcome
from archwright.execute.executor import Executor
from archwright.study.ledger import Ledger, Overtaken
from archwright.study.occupation import Occupation
from archwright.study.row import Row
from archwright.study.run_folder import Clock

ATTEMPTS = 3
"""How often a training is begun that ends for the machine's fault, before that is its result."""


def training_seed(*parts: object) -> int:
    """A seed of 31 bits from the study's seed and what tells this training from others; the worker plays no part."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Crew:
    """Starts trainings on an executor and hands back the finished ones with their rows."""

    def __init__(
        self, executor: Executor, ledger: Ledger, clock: Clock, look: Callable[[Crew], None], recorded: Callable[[Row], None]
    ) -> None:
        self._executor = executor
        self._ledger = ledger
        self._clock = clock
        self._look = look
        self._recorded = recorded
        self._rows: dict[str, tuple[Row, int]] = {}
        self._taken: dict[str, int] = {}
        self._occupation = self.count_from_now()

    @property
    def free(self) -> int:
        """Workers without a training; below zero where one waits that takes several."""
        return self._executor.workers - sum(self._taken.values())

    def count_from_now(self) -> Occupation:
        """How busy the workers are from now on, counted until this is asked for again; to be asked while none is."""
        self._occupation = Occupation(self._executor.workers)
        return self._occupation

    @property
    def busy(self) -> list[Row]:
        return [row for row, _ in self._rows.values()]

    def progress(self, row: Row) -> dict[str, float]:
        """The last epoch's record of a training in flight; empty before the first."""
        records = self._executor.progress()
        return next((dict(records[key]) for key, (r, _) in self._rows.items() if r is row and key in records), {})

    def start(self, row: Row, job: Job) -> None:
        """Begin a training, or take it up again from its checkpoint; nothing where another coordinator has taken it up."""
        try:
            attempt = self._ledger.attempt(row)
        except Overtaken:
            return
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        self._rows[job.key], self._taken[job.key] = (row, attempt), job.devices
        self._occupation.begins(job.key, job.devices)
        self._executor.submit(job)

    def finished(self, timeout: float = 0.5) -> list[tuple[Row, Outcome]]:
        """Those that ended; a training lost for the machine's fault is begun again a few times before it counts as ended."""
        done = []
        for job, outcome in self._executor.wait(timeout):
            row, attempt = self._rows.pop(job.key)
            del self._taken[job.key]
            self._occupation.ends(job.key)
            if outcome.machine_fault and attempt < ATTEMPTS:
                self.start(row, job)
            else:
                if outcome.machine_fault:
                    outcome = replace(outcome, cause=f"{outcome.cause} (tried {attempt} times)")
                done.append((row, replace(outcome, devices=job.devices)))
        self._clock.save()
        self._look(self)
        return done

    def record(
        self,
        row: Row,
        state: State,
        outcome: Outcome | None = None,
        scores: tuple[float, ...] | None = None,
        cause: str | None = None,
    ) -> Row:
        """Write down what became of a row; returns it as it is then."""
        done = self._ledger.finish(row, state, outcome, cause=cause, scores=scores)
        self._recorded(done)
        return done
