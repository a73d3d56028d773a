"""The interface of everything that runs jobs: submit them, and wait for whichever finishes first."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from archwright.errors import InputError
from archwright.evaluate.job import Job, Outcome
from archwright.execute.resources import Resources


class Executor(Protocol):
    """Runs as many trainings at a time as it has workers; each submitted job comes back once, in order of completion.

    A job on several devices occupies as many workers. `threads`: per worker, for the caller to put into its jobs. Limits are
    enforced, and queued jobs started, while `wait` runs. Whether to retry a failed job is the caller's decision.
    """

    @property
    def workers(self) -> int: ...

    @property
    def threads(self) -> int: ...

    def submit(self, job: Job) -> None:
        """Take a job; it starts as soon as a worker is free. Raises InputError if it requests unavailable resources."""

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        """The finished jobs, as soon as there is one; [] after `timeout` seconds, or at once if no job is queued or running."""

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        """The latest epoch's record of each running job that has one, by the job's key."""

    def close(self) -> None:
        """Kill running jobs and drop queued ones. A second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close, whatever happened."""


def refuse_address(name: str, resources: Resources) -> None:
    """Raises InputError if an address was given to an executor that joins no cluster."""
    if resources.address is not None:
        raise InputError(f"the executor {name!r} joins no cluster: omit the address {resources.address}")
