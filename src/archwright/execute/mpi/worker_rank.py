"""The work of every rank except rank 0: wait for trainings, supervise each in its own process, and end when told to."""

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
"""Prefixes of environment variables set by MPI launchers. They are removed, as MPI code in a training is not part of this job."""

VISIBLE_WITHIN_SECONDS = 5.0
"""On a network file system, other nodes may see a new file with a delay."""


def serve(world: Intracomm, channel: MessageChannel) -> NoReturn:
    """Serve rank 0 until it shuts this rank down, then exit with code 0. An error here aborts the whole MPI job."""
    try:
        _ignore_signals()
        _remove_launcher_variables()
        service = Service(world.Get_rank(), channel)
        _SERVICE.set(service)
        service.run(world)
    except BaseException:
        traceback.print_exc()
        world.Abort(1)
    sys.exit(0)


def run_order(order: str) -> str:
    """Run by the pool: carry out an order (JSON) and return the outcome (JSON). Raises InputError if the folder is not visible."""
    return json.dumps(_SERVICE.get().carry_out(json.loads(order)).to_json())


class Service:
    """A worker rank. It handles messages both while idle and during a training."""

    def __init__(self, rank: int, channel: MessageChannel) -> None:
        self._rank = rank
        self._channel = channel
        self._pool_announced = self._shut_down = False
        self._stopped: set[int] = set()
        self._visible: set[str] = set()

    def run(self, world: Intracomm) -> None:
        """Handle messages and serve in the pool until rank 0 shuts this rank down; then confirm."""
        from mpi4py.futures import MPICommExecutor

        while self._pool_announced or not self._shut_down:
            if self._pool_announced:
                self._pool_announced = False
                with MPICommExecutor(world, root=0):
                    pass  # on a worker rank, entering serves until rank 0 closes the pool
            else:
                self._handle(self._channel.wait())
        self._channel.send(0, {"goodbye": True})

    @cached_property
    def _node_info(self) -> NodeInfo:
        return node_info_here()

    def carry_out(self, order: dict[str, Any]) -> Outcome:
        """Run the job of an order from rank 0; see `Mpi._order`."""
        self._check_visible(Path(order["token"]))
        job, resources = Job.from_json(order["job"]), Resources(**order["resources"])
        placement = place_job(job, resources, [order["places"][self._rank - 1]], self._node_info.gpus)
        try:
            process = TrainingProcess(job, order["run"], placement, f"rank {self._rank}")
        except (OSError, EOFError) as error:
            outcome = not_started(error)
        else:
            outcome = self._supervise(process, order["executor"])
        return replace(outcome, worker=f"{self._node_info.host}/{self._rank}")

    def _supervise(self, process: TrainingProcess, executor: int) -> Outcome:
        sent = 0
        while (outcome := process.look()) is None:
            if len(process.records) > sent:
                sent = len(process.records)
                self._channel.send(0, {"key": process.job.key, "record": process.records[-1]})
            self._handle(self._channel.received())
            if self._shut_down or executor in self._stopped:
                process.end()
                return Outcome("failed", cause="ended with its coordinator", machine_fault=True)
            connection.wait(process.handles, LOOK_EVERY_SECONDS)
        return outcome

    def _handle(self, messages: list[tuple[int, dict[str, Any]]]) -> None:
        for _, message in messages:
            if message.get("tell"):
                self._channel.send(0, {"node_info": self._node_info.to_json()})
            self._pool_announced = self._pool_announced or message.get("serve", False)
            self._shut_down = self._shut_down or message.get("home", False)
            self._stopped.update(message.get("stop", ()))

    def _check_visible(self, token: Path) -> None:
        """Check, once per token file of rank 0, that it is visible on this node."""
        deadline = time.monotonic() + VISIBLE_WITHIN_SECONDS
        while str(token) not in self._visible:
            if token.exists():
                self._visible.add(str(token))
            elif time.monotonic() > deadline:
                raise InputError(
                    f"{self._node_info.host} cannot see what rank 0 wrote to {token.parent}: "
                    "give --out a folder on a file system that all nodes share"
                )
            else:
                time.sleep(LOOK_EVERY_SECONDS)


def _ignore_signals() -> None:
    """Launchers send SIGINT and SIGTERM to all ranks. (Not SIG_IGN, which child processes would inherit.)"""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _remove_launcher_variables() -> None:
    for name in [name for name in os.environ if name.startswith(LAUNCHERS)]:
        del os.environ[name]


_SERVICE: ContextVar[Service] = ContextVar("the service of this rank")
