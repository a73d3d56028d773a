"""One training by several processes of this machine, together: whatever ends one of them ends all, and is the outcome."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from archwright.evaluate.job import Job, Outcome
from archwright.execute.attempt import OnEpoch, attempt
from archwright.execute.exit_code import why_it_ended
from archwright.execute.exit_with_parent import exit_with_parent
from archwright.execute.main_module import unpack_main
from archwright.execute.messages import Inbox, send
from archwright.execute.threads import limit_threads

END_SECONDS = 5.0
"""How long a killed process is waited for: one that sits in a broken driver may never end."""
LOOK_EVERY_SECONDS = 1.0
"""How often to look for an end that no handle tells of: a helper that a process has forked holds its files open."""
SETTLE_SECONDS = 0.5
"""A process that fails because another was killed may say so before that one's end is seen: it is looked for so long."""


class DDPProcesses:
    """`job.devices` processes that each call the run function with the job; the first one's records and outcome count.

    They are forked from this process, which therefore has computed nothing yet, knows of no GPU, and has no other threads.
    """

    def __init__(self, run: str, job: Job, main: bytes) -> None:
        """Raises OSError where a process cannot be started."""
        self._start = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="archwright-"))
        self._ranks: list[_Process] = []
        try:
            for number in range(job.devices):
                self._ranks.append(_start_rank(run, job, main, number, self._folder / "rendezvous"))
        except OSError:
            self.end()
            raise

    def outcome(self, on_epoch: OnEpoch) -> Outcome:
        """Wait until the first process is done, or any has failed or died; nothing of them is left then."""
        told = 0
        try:
            while True:
                connection.wait([handle for rank in self._ranks for handle in rank.handles], LOOK_EVERY_SECONDS)
                for rank in self._ranks:
                    rank.look()
                records = self._ranks[0].inbox.records
                for record in records[told:]:
                    on_epoch(record)
                told = len(records)
                found = self._found()
                if found is not None:
                    return found
        finally:
            self.end()

    def end(self) -> None:
        """Kill them."""
        for rank in self._ranks:
            rank.process.kill()
        for rank in self._ranks:
            rank.process.join(END_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _found(self) -> Outcome | None:
        """What the first process has finished is whole. Else a death comes before a failure, which may only follow from it.

        It judges by all that `look` has heard. What is heard and left unjudged, no handle tells of again.
        """
        first = self._ranks[0].outcome
        if first is not None and first.state != "failed":
            return first
        failed = next((rank.outcome for rank in self._ranks if rank.outcome is not None and rank.outcome.state == "failed"), None)
        if failed is not None:
            self._settle()
        return self._death() or failed

    def _settle(self) -> None:
        """See the end of a process that was killed, if that is why another one failed."""
        working = [rank for rank in self._ranks if rank.outcome is None]
        connection.wait([rank.process.sentinel for rank in working], SETTLE_SECONDS if working else 0)
        for rank in working:
            rank.look()

    def _death(self) -> Outcome | None:
        for rank in self._ranks:
            if rank.died is not None:
                return Outcome(
                    "failed",
                    cause=why_it_ended(rank.died, f"process {rank.number + 1} of {len(self._ranks)}"),
                    curve=tuple(self._ranks[0].inbox.records),
                    seconds=time.monotonic() - self._start,
                    machine_fault=True,
                )
        return None


@dataclass
class _Process:
    """One of the processes, and what has been heard of it. `died`: the exit code of one that has ended with no outcome."""

    number: int
    process: BaseProcess
    inbox: Inbox
    outcome: Outcome | None = None
    died: int | None = None

    @property
    def handles(self) -> list[Any]:
        """What becomes ready when there is something to look at; nothing once its outcome is here."""
        return [self.inbox.pipe, self.process.sentinel] if self.outcome is None else []

    def look(self) -> None:
        """Hear what it has said, and whether that was all."""
        if self.outcome is not None:
            return
        ended = self.process.exitcode is not None or bool(connection.wait([self.process.sentinel], 0))
        try:
            self.outcome = self.inbox.read()  # after that question: what it said before its end is in the pipe
        except (EOFError, OSError):
            ended = True
        if ended and self.outcome is None:
            self.process.kill()  # it may live on with all its files closed; one that is ending keeps its exit code
            self.process.join()
            self.died = self.process.exitcode


def _start_rank(run: str, job: Job, main: bytes, number: int, rendezvous: Path) -> _Process:
    context: Any = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(run, job, main, number, str(rendezvous), writer), name=f"process {number + 1}")
    with writer:
        process.start()
    return _Process(number, process, Inbox(reader))


def _work(run: str, job: Job, main: bytes, number: int, rendezvous: str, pipe: Connection) -> None:
    """What one of the processes does. At its end it waits for its own: a connection that it closed would be another's failure."""
    from archwright.process_group import process_environment  # heavy: torch

    exit_with_parent()
    os.environ.update(process_environment(number, job.devices, rendezvous))
    limit_threads(job.threads)
    unpack_main(main)
    own = replace(job, device=f"cuda:{number}" if job.device.startswith("cuda") else job.device)
    outcome = attempt(run, own, lambda record: send(pipe, "epoch", record) if number == 0 else None)
    send(pipe, "outcome", outcome.to_json())
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
