"""Trainings in flight: pairs each ledger row with its job on the executor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archwright.evaluate.job import Job, Outcome
from archwright.execute.executor import Executor
from archwright.ledger.ledger import AlreadyTaken, Ledger
from archwright.ledger.row import Row
from archwright.study.run_folder import Clock
from archwright.study.utilization import Utilization

ATTEMPTS = 3
"""A training that ends because of a machine fault is started this many times before it counts as failed."""


class Scheduler:
    """Starts trainings on an executor and hands back the finished ones with their rows."""

    def __init__(
        self,
        executor: Executor,
        ledger: Ledger,
        clock: Clock,
        on_poll: Callable[[Scheduler], None],
    ) -> None:
        self._executor = executor
        self._ledger = ledger
        self._clock = clock
        self._on_poll = on_poll
        self._rows: dict[str, tuple[Row, int]] = {}
        self._workers_in_use = 0
        self._searches_under_way: Counter[str] = Counter()
        self._utilization = self.count_from_now()

    @property
    def seconds(self) -> float:
        """The time on the run's clock."""
        return self._clock.seconds

    @property
    def free(self) -> int:
        """Workers without a training; negative while a training that takes several workers is queued."""
        return self._executor.workers - self._workers_in_use

    def count_from_now(self) -> Utilization:
        """Measure how busy the workers are from now until the next call; to be called while no training is under way."""
        self._utilization = Utilization(self._executor.workers)
        return self._utilization

    @property
    def busy(self) -> bool:
        """Whether any training is under way."""
        return bool(self._rows)

    def searching(self, strategy: str) -> int:
        """How many trainings of a strategy's search are under way."""
        return self._searches_under_way[strategy]

    def progress(self) -> list[tuple[Row, dict[str, float]]]:
        """The trainings under way, each with the record of its last epoch (empty during the first)."""
        records = self._executor.progress()
        return [(row, dict(records.get(key, {}))) for key, (row, _) in self._rows.items()]

    def start(self, row: Row, job: Job) -> None:
        """Begin a training, or resume it from its checkpoint; does nothing if another coordinator has taken it over."""
        try:
            attempt = self._ledger.attempt(row)
        except AlreadyTaken:
            return
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        self._rows[job.key] = (row, attempt)
        self._count(row, job, 1)
        self._utilization.begins(job.key, job.devices)
        self._executor.submit(job)

    def _count(self, row: Row, job: Job, change: int) -> None:
        self._workers_in_use += change * job.devices
        self._searches_under_way[row.strategy] += change * (row.stage == "search")

    def finished(self, timeout: float = 0.5) -> list[tuple[Row, Outcome]]:
        """The trainings that have ended; those lost to a machine fault are restarted first, up to `ATTEMPTS` times in all."""
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
        self._on_poll(self)
        return done
