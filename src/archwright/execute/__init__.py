"""Where trainings run: one file per executor, found by name."""

from __future__ import annotations

import typing
from contextlib import AbstractContextManager, nullcontext

from archwright.evaluate.job import TRAIN
from archwright.execute.executor import Executor
from archwright.execute.resources import Resources
from archwright.execute.threads import threads_per_worker, usable_cpus
from archwright.plugins import find, known_names

BUILT_IN = {
    "serial": "archwright.execute.serial:Serial",
    "processes": "archwright.execute.processes:Processes",
    "ray": "archwright.execute.ray.executor:Ray",
    "mpi": "archwright.execute.mpi.executor:Mpi",
}
GROUP = "archwright.executors"


def executor_names() -> list[str]:
    """The executors of the library and of installed packages (entry points `archwright.executors`)."""
    return known_names(BUILT_IN, GROUP)


def make_executor(name: str, resources: Resources = Resources(), run: str = TRAIN) -> Executor:  # noqa: B008 (it is frozen)
    """The executor `name` (or `module:Class`) with these resources, ready for jobs. `run`: the `module:function` that trains.

    Raises UnknownName, or InputError for unavailable resources.
    """
    return typing.cast(Executor, find(name, BUILT_IN, GROUP, "executor")(resources, run))


def rank_service(name: str) -> AbstractContextManager[None]:
    """Wrap a whole command that uses the executor `name`: under `mpiexec`, the body runs on rank 0 only.

    The other ranks serve trainings meanwhile, and exit with code 0. Raises InputError where "mpi" was asked for without MPI.
    """
    if name != "mpi":
        return nullcontext()
    from archwright.execute.mpi.rank_service import mpi_rank_service  # mpi4py

    return mpi_rank_service()


__all__ = ["Executor", "Resources", "executor_names", "make_executor", "rank_service", "threads_per_worker", "usable_cpus"]
