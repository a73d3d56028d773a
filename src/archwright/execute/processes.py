"""`processes`: each training in a process of its own on this machine; a free worker takes the next job at once."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing import connection
from types import TracebackType
from typing import Any, Self

from archwright.evaluate.job import TRAIN, Job, Outcome
from archwright.execute.capacity import check_job, check_machine, threads_of
from archwright.execute.device_placement import choose_workers, place_job
from archwright.execute.executor import refuse_address
from archwright.execute.fork_server import start_context
from archwright.execute.resources import Resources
from archwright.execute.training_process import LOOK_EVERY_SECONDS, TrainingProcess, not_started


class Processes:
    """Memory is released after each training, a hang is killed, and a crash is a result (machine_fault: worth a retry)."""

    def __init__(self, resources: Resources, run: str = TRAIN) -> None:
        refuse_address("processes", resources)
        self._workers = resources.workers or 1
        check_machine(resources, self._workers)
        self._resources = resources
        self._run = run
        self._queue: deque[Job] = deque()
        self._running: dict[tuple[int, ...], TrainingProcess] = {}
        self._finished: list[tuple[Job, Outcome]] = []
        start_context()

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def threads(self) -> int:
        return threads_of(self._resources, self._workers)

    def submit(self, job: Job) -> None:
        check_job(job, self._resources, self._workers)
        self._queue.append(job)
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._look()
            self._start_queued()
            left = until - time.monotonic()
            if self._finished or not self._running or left <= 0:
                break
            handles = [handle for process in self._running.values() for handle in process.handles]
            connection.wait(handles, min(left, LOOK_EVERY_SECONDS))
        finished, self._finished = self._finished, []
        return finished

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        return {process.job.key: process.records[-1] for process in self._running.values() if process.records}

    def close(self) -> None:
        self._queue.clear()
        while self._running:
            self._running.popitem()[1].end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start_queued(self) -> None:
        """Start jobs in order while enough workers are free. One that cannot be started has failed through a machine fault."""
        taken = {worker for workers in self._running for worker in workers}
        free = [worker for worker in range(self._workers) if worker not in taken]
        while self._queue and (workers := choose_workers(self._queue[0], self._resources, free)):
            job = self._queue.popleft()
            free = [worker for worker in free if worker not in workers]
            try:
                placement = place_job(job, self._resources, workers)
                self._running[workers] = TrainingProcess(job, self._run, placement, f"worker {workers[0]}")
            except (OSError, EOFError) as error:
                self._finished.append((job, not_started(error)))

    def _look(self) -> None:
        """Collect the outcomes of trainings that have ended, and free their workers."""
        for workers, process in list(self._running.items()):
            outcome = process.look()
            if outcome is not None:
                del self._running[workers]
                self._finished.append((process.job, replace(outcome, worker=f"{socket.gethostname()}/{workers[0]}")))
