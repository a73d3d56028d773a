"""Trainings in flight: the executor that works on them, and the ledger row that each belongs to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archwright.evaluate.history import State
from archwright.evaluate.job import Job, Outcome
from archwright.execute.executor import Executor
from archwright.ledger.ledger import Ledger, Overtaken
from archwright.ledger.row import Row
from archwright.study.run_folder import Clock
from archwright.study.utilization import Utilization

ATTEMPTS = 3
"""How often a training is begun that ends for the machine's fault, before that is its result."""


def training_seed(*parts: object) -> int:
    """A seed of 31 bits from the study's seed and what tells this training from others; the worker plays no part."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Scheduler:
    """Starts trainings on an executor and hands back the finished ones with their rows."""

    def __init__(
        self, executor: Executor, ledger: Ledger, clock: Clock, look: Callable[[Scheduler], None], recorded: Callable[[Row], None]
    ) -> None:
        self._executor = executor
        self._ledger = ledger
        self._clock = clock
        self._look = look
        self._recorded = recorded
        self._rows: dict[str, tuple[Row, int]] = {}
        self._taken = 0
        self._searched: Counter[str] = Counter()
        self._utilization = self.count_from_now()

    @property
    def free(self) -> int:
        """Workers without a training; below zero where one waits that takes several."""
        return self._executor.workers - self._taken

    def count_from_now(self) -> Utilization:
        """How busy the workers are from now on, counted until this is asked for again; to be asked while none is."""
        self._utilization = Utilization(self._executor.workers)
        return self._utilization

    @property
    def busy(self) -> bool:
        """Whether any training is under way."""
        return bool(self._rows)

    def searching(self, strategy: str) -> int:
        """How many trainings of a strategy's search are under way."""
        return self._searched[strategy]

    def progress(self) -> list[tuple[Row, dict[str, float]]]:
        """The trainings under way, each with its last epoch's record; empty before the first."""
        records = self._executor.progress()
        return [(row, dict(records.get(key, {}))) for key, (row, _) in self._rows.items()]

    def start(self, row: Row, job: Job) -> None:
        """Begin a training, or take it up again from its checkpoint; nothing where another coordinator has taken it up."""
        try:
            attempt = self._ledger.attempt(row)
        except Overtaken:
            return
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        self._rows[job.key] = (row, attempt)
        self._count(row, job, 1)
        self._utilization.begins(job.key, job.devices)
        self._executor.submit(job)

    def _count(self, row: Row, job: Job, more: int) -> None:
        self._taken += more * job.devices
        self._searched[row.strategy] += more * (row.stage == "search")

    def finished(self, timeout: float = 0.5) -> list[tuple[Row, Outcome]]:
        """Those that ended; a training lost for the machine's fault is begun again a few times before it counts as ended."""
        done = []
        for job, outcome in self._executor.wait(timeout):
            row, attempt = self._rows.pop(job.key)
            self._count(row, job, -1)
            self._utilization.ends(job.key)
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
