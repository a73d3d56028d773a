"""The interface of everything that runs jobs: hand them in, wait for whichever ends first."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from archwright.errors import InputError
from archwright.evaluate.job import Job, Outcome
from archwright.execute.resources import Resources


class Executor(Protocol):
    """Runs trainings on `workers` workers at a time; each submitted job comes back once, in the order in which they end.

    A job on several devices takes the places of as many workers. `threads`: those of each worker, for the caller to put into its
    jobs. Limits are watched and queued jobs are started while somebody waits. To try a failed job again is the caller's decision.
    """

    @property
    def workers(self) -> int: ...

    @property
    def threads(self) -> int: ...

    def submit(self, job: Job) -> None:
        """Take a job; it starts as soon as a worker is free. Raises InputError if it asks for what there is not."""

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        """What has ended, as soon as at least one has; [] after `timeout` seconds, or at once when there is nothing to wait for."""

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        """The last epoch's record of each job under way that has one, by the job's key."""

    def close(self) -> None:
        """End what runs and forget what waits. A second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close, whatever happened."""


def refuse_address(name: str, resources: Resources) -> None:
    """Raises InputError where a cluster was named, to an executor that joins none."""
    if resources.address is not None:
        raise InputError(f"the executor {name!r} joins no cluster, and has no address ({resources.address}): leave it out")
