"""What every rank but the first does: wait for trainings, supervise each in a process of its own, and end when it is told."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from archwright.errors import InputError
from archwright.evaluate.job import Job, Outcome
from archwright.execute.device_placement import place_job
from archwright.execute.mpi.messages import MessageChannel
from archwright.execute.mpi.node_info import NodeInfo, node_info_here
from archwright.execute.resources import Resources
from archwright.execute.training_process import LOOK_EVERY_SECONDS, TrainingProcess, not_started

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

LAUNCHERS = ("PMI", "OMPI_", "PRTE_", "PALS_", "HYDI_", "HYDRA_", "MPI_LOCAL", "MPIEXEC_", "MV2_", "I_MPI_")
"""How the variables begin that a launcher sets for MPI. A training is no part of this job: MPI in it would look for its rank."""

SEEN_WITHIN_SECONDS = 5.0
"""A network file system may show a new file a moment later elsewhere."""


def serve(world: Intracomm, channel: MessageChannel) -> NoReturn:
    """Work for rank 0 until it sends this rank home; then end this process with exit code 0. Trouble here ends the whole job."""
    try:
        _leave_signals_to_rank_0()
        _forget_the_launcher()
        service = Service(world.Get_rank(), channel)
        _SERVICE.set(service)
        service.run(world)
    except BaseException:
        traceback.print_exc()
        world.Abort(1)
    sys.exit(0)


def take_order(order: str) -> str:
    """What rank 0 submits to the pool: an order in JSON; returns the outcome in JSON. Raises InputError for an unseen folder."""
    return json.dumps(_SERVICE.get().carry_out(json.loads(order)).to_json())


class Service:
    """One serving rank. It reads its messages while it waits and while it trains."""

    def __init__(self, rank: int, channel: MessageChannel) -> None:
        self._rank = rank
        self._channel = channel
        self._called = self._home = False
        self._stopped: set[int] = set()
        self._seen: set[str] = set()

    def run(self, world: Intracomm) -> None:
        """Answer, serve in the pool when there is one, and say goodbye."""
        from mpi4py.futures import MPICommExecutor

        while self._called or not self._home:
            if self._called:
                self._called = False
                with MPICommExecutor(world, root=0):
                    pass  # on this side it serves on entering, until rank 0 closes its own
            else:
                self._take(self._channel.wait())
        self._channel.send(0, {"goodbye": True})

    @cached_property
    def _station(self) -> NodeInfo:
        return node_info_here()

    def carry_out(self, order: dict[str, Any]) -> Outcome:
        """Do a job as rank 0 ordered it; see `Mpi`."""
        self._see(Path(order["token"]))
        job, resources = Job.from_json(order["job"]), Resources(**order["resources"])
        placement = place_job(job, resources, [order["places"][self._rank - 1]], self._station.gpus)
        try:
            process = TrainingProcess(job, order["run"], placement, f"rank {self._rank}")
        except (OSError, EOFError) as error:
            outcome = not_started(error)
        else:
            outcome = self._supervise(process, order["executor"])
        return replace(outcome, worker=f"{self._station.host}/{self._rank}")

    def _supervise(self, process: TrainingProcess, executor: int) -> Outcome:
        told = 0
        while (outcome := process.look()) is None:
            if len(process.records) > told:
                told = len(process.records)
                self._channel.send(0, {"key": process.job.key, "record": process.records[-1]})
            self._take(self._channel.received())
            if self._home or executor in self._stopped:
                process.end()
                return Outcome("failed", cause="ended with its coordinator", machine_fault=True)
            connection.wait(process.handles, LOOK_EVERY_SECONDS)
        return outcome

    def _take(self, messages: list[tuple[int, dict[str, Any]]]) -> None:
        for _, message in messages:
            if message.get("tell"):
                self._channel.send(0, {"station": self._station.to_json()})
            self._called = self._called or message.get("serve", False)
            self._home = self._home or message.get("home", False)
            self._stopped.update(message.get("stop", ()))

    def _see(self, token: Path) -> None:
        """Once for each file that rank 0 wrote: is it here too?"""
        until = time.monotonic() + SEEN_WITHIN_SECONDS
        while str(token) not in self._seen:
            if token.exists():
                self._seen.add(str(token))
            elif time.monotonic() > until:
                raise InputError(
                    f"{self._station.host} does not see what the first rank has written into {token.parent}: "
                    "give a folder on a file system that all nodes share with --out"
                )
            else:
                time.sleep(LOOK_EVERY_SECONDS)


def _leave_signals_to_rank_0() -> None:
    """Launchers send Ctrl-C and SIGTERM to all ranks. (A signal that is ignored would stay so in all that this process starts.)"""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _forget_the_launcher() -> None:
    for name in [name for name in os.environ if name.startswith(LAUNCHERS)]:
        del os.environ[name]


_SERVICE: ContextVar[Service] = ContextVar("the service of this rank")
