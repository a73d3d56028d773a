"""`serial`: jobs run in this process, one after the other, within `wait`. For debugging and notebooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from archwright.errors import InputError
from archwright.evaluate.job import TRAIN, Job, Outcome
from archwright.execute.capacity import check_job, check_machine, threads_of
from archwright.execute.executor import refuse_address
from archwright.execute.resources import Resources


class Serial:
    """Breakpoints and prints work; but a crash takes everything down, and no limit is enforced from outside."""

    def __init__(self, resources: Resources, run: str = TRAIN) -> None:
        refuse_address("serial", resources)
        if resources.workers not in (None, 1):
            raise InputError(f"the executor 'serial' has 1 worker, not {resources.workers}: choose 'processes' for more")
        _check_devices(resources.devices)
        check_machine(resources, 1)
        self._resources = resources
        self._run = run
        self._queue: deque[Job] = deque()
        self._records: dict[str, Mapping[str, Any]] = {}

    @property
    def workers(self) -> int:
        return 1

    @property
    def threads(self) -> int:
        return threads_of(self._resources, 1)

    def submit(self, job: Job) -> None:
        _check_devices(job.devices)
        check_job(job, self._resources, 1)
        self._queue.append(job)

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        """Run the next job to its end, however long that takes: `timeout` is ignored."""
        if not self._queue:
            return []
        job = self._queue.popleft()
        device = self._resources.device if job.device == "auto" else job.device
        from archwright.evaluate.run_job import run_job  # torch

        outcome = run_job(replace(job, device=device), lambda record: self._records.update({job.key: record}), self._run)
        self._records.pop(job.key, None)
        return [(job, replace(outcome, worker="serial"))]

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        return dict(self._records)

    def close(self) -> None:
        self._queue.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _check_devices(devices: int) -> None:
    if devices > 1:
        raise InputError(f"the executor 'serial' trains in one process, not on {devices} devices: choose 'processes'")
