"""`mpi`: each rank of `mpiexec` except rank 0 supervises one training at a time; a free rank gets the next job immediately."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from archwright.errors import InputError
from archwright.evaluate.job import TRAIN, Job, Outcome
from archwright.execute.capacity import check_limits
from archwright.execute.executor import refuse_address
from archwright.execute.mpi.node_shares import check_nodes, check_placement, places_on_gpus, threads_of_ranks
from archwright.execute.mpi.rank_service import worker_ranks
from archwright.execute.mpi.worker_rank import run_order
from archwright.execute.resources import Resources
from archwright.execute.training_process import LOOK_EVERY_SECONDS
from archwright.formatting import plural


class Mpi:
    """Rank 0's side, on top of `mpi4py.futures`. A killed training is a result; a killed rank ends the whole MPI job."""

    def __init__(self, resources: Resources, run: str = TRAIN) -> None:
        refuse_address("mpi", resources)
        _refuse_devices(resources.devices)
        self._ranks = worker_ranks()
        self._workers = _worker_count(resources, len(self._ranks.ranks))
        self._node_infos = self._ranks.node_infos
        check_nodes(resources, self._node_infos)
        self._places = places_on_gpus(self._node_infos)
        self._resources = resources
        self._run = run
        self._number = self._ranks.new_executor()
        self._pool = self._ranks.pool
        self._token: Path | None = None
        self._queue: deque[Job] = deque()
        self._running: dict[Future[str], Job] = {}

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def threads(self) -> int:
        return threads_of_ranks(self._resources, self._node_infos)

    def submit(self, job: Job) -> None:
        _refuse_devices(job.devices)
        check_limits(job)
        check_placement(job, self._resources, self._node_infos)
        self._queue.append(job)
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        """See `Executor.wait`. Raises InputError if a rank cannot see the folder of its job."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._ranks.receive()
            finished = [(self._running.pop(future), _outcome(future)) for future in list(self._running) if future.done()]
            self._start_queued()
            left = deadline - time.monotonic()
            if finished or not self._running or left <= 0:
                return finished
            wait(self._running, min(left, LOOK_EVERY_SECONDS), FIRST_COMPLETED)

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        self._ranks.receive()
        records = self._ranks.records
        return {job.key: records[job.key] for job in self._running.values() if job.key in records}

    def close(self) -> None:
        """See `Executor.close`; waits until the ranks have ended their trainings."""
        self._queue.clear()
        if self._running:
            self._ranks.stop(self._number)
            wait([future for future in self._running if not future.cancel()])
            self._running.clear()
        if self._token is not None:
            self._token.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start_queued(self) -> None:
        while self._queue and len(self._running) < self._workers:
            job = self._queue.popleft()
            self._ranks.records.pop(job.key, None)
            self._running[self._pool.submit(run_order, json.dumps(self._order(job)))] = job

    def _order(self, job: Job) -> dict[str, Any]:
        """All that a rank needs. `places`: each rank's position among those that share its GPUs; the pool chooses the rank."""
        return {
            "job": job.to_json(),
            "run": self._run,
            "resources": asdict(self._resources),
            "places": self._places,
            "executor": self._number,
            "token": str(self._token_file(job)),
        }

    def _token_file(self, job: Job) -> Path:
        """A file, written once beside the first job's folder, that tells whether the ranks share the file system."""
        if self._token is None:
            folder = Path(job.folder).absolute().parent
            folder.mkdir(parents=True, exist_ok=True)
            self._token = folder / f".seen-{uuid4().hex}"
            self._token.touch()
        return self._token


def _worker_count(resources: Resources, ranks: int) -> int:
    workers = resources.workers or ranks
    if workers > ranks:
        raise InputError(
            f"{plural(workers, 'worker')} requested, but there are only {plural(ranks, 'worker rank')} (rank 0 coordinates): "
            f"start it with mpiexec -n {workers + 1}, or omit workers"
        )
    return workers


def _refuse_devices(devices: int) -> None:
    if devices > 1:
        raise InputError(f"the executor 'mpi' trains each network on one rank, not on {devices} devices: omit devices")


def _outcome(future: Future[str]) -> Outcome:
    return Outcome.from_json(json.loads(future.result()))
