"""One training in several processes of this machine (data parallel): whatever ends one of them ends all, and is the outcome."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from archwright.evaluate.job import Job, Outcome
from archwright.execute.exit_code import why_it_ended
from archwright.execute.exit_with_parent import exit_with_parent
from archwright.execute.main_module import unpack_main
from archwright.execute.messages import Inbox, send
from archwright.execute.threads import limit_threads

END_SECONDS = 5.0
"""How long to wait for a killed process: one that is stuck in a broken driver may never exit."""
LOOK_EVERY_SECONDS = 1.0
"""How often to check for an exit that no handle announces: a child that a process has forked keeps its files open."""
SETTLE_SECONDS = 0.5
"""How long to wait for the exit of a killed process that made another one fail: the failure may be reported first."""


class DDPProcesses:
    """`job.devices` processes that each call the run function with the job; the records and outcome of rank 0 count.

    They are forked from this process, which must not have computed anything, touched a GPU or started a thread before.
    """

    def __init__(self, run: str, job: Job, main: bytes) -> None:
        """Raises OSError if a process cannot be started."""
        self._start = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="archwright-"))
        self._processes: list[_Process] = []
        try:
            for number in range(job.devices):
                self._processes.append(_start_process(run, job, main, number, self._folder / "rendezvous"))
        except OSError:
            self.end()
            raise

    def outcome(self, on_epoch: Callable[[Mapping[str, Any]], None]) -> Outcome:
        """Wait until rank 0 is done, or any process has failed or died; none of them is left then."""
        reported = 0
        try:
            while True:
                connection.wait([handle for one in self._processes for handle in one.handles], LOOK_EVERY_SECONDS)
                for one in self._processes:
                    one.look()
                records = self._processes[0].inbox.records
                for record in records[reported:]:
                    on_epoch(record)
                reported = len(records)
                found = self._found()
                if found is not None:
                    return found
        finally:
            self.end()

    def end(self) -> None:
        """Kill all of them."""
        for one in self._processes:
            one.process.kill()
        for one in self._processes:
            one.process.join(END_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _found(self) -> Outcome | None:
        """A finished outcome of rank 0 is complete. Otherwise a death outranks a failure, which may only be its consequence.

        Every outcome that `look` has read is considered here: no handle will announce it again.
        """
        first = self._processes[0].outcome
        if first is not None and first.state != "failed":
            return first
        failed = next((one.outcome for one in self._processes if one.outcome is not None and one.outcome.state == "failed"), None)
        if failed is not None:
            self._settle()
        return self._death() or failed

    def _settle(self) -> None:
        """Wait for the exit of a process that was killed, in case that made another one fail."""
        working = [one for one in self._processes if one.outcome is None]
        connection.wait([one.process.sentinel for one in working], SETTLE_SECONDS if working else 0)
        for one in working:
            one.look()

    def _death(self) -> Outcome | None:
        for one in self._processes:
            if one.died is not None:
                return Outcome(
                    "failed",
                    cause=why_it_ended(one.died, f"process {one.number + 1} of {len(self._processes)}"),
                    curve=tuple(self._processes[0].inbox.records),
                    seconds=time.monotonic() - self._start,
                    machine_fault=True,
                )
        return None


@dataclass
class _Process:
    """One of the processes, and what it has sent. `died`: the exit code of one that exited without an outcome."""

    number: int
    process: BaseProcess
    inbox: Inbox
    outcome: Outcome | None = None
    died: int | None = None

    @property
    def handles(self) -> list[Any]:
        """What becomes ready when there is news; nothing once its outcome is here."""
        return [self.inbox.pipe, self.process.sentinel] if self.outcome is None else []

    def look(self) -> None:
        """Read what it has sent, and find out whether it has exited."""
        if self.outcome is not None:
            return
        ended = self.process.exitcode is not None or bool(connection.wait([self.process.sentinel], 0))
        try:
            self.outcome = self.inbox.read()  # after the check: all that it sent before its exit is in the pipe
        except (EOFError, OSError):
            ended = True
        if ended and self.outcome is None:
            self.process.kill()  # it may live on with its files closed; one that is exiting keeps its exit code
            self.process.join(END_SECONDS)
            self.died = -signal.SIGKILL if self.process.exitcode is None else self.process.exitcode


def _start_process(run: str, job: Job, main: bytes, number: int, rendezvous: Path) -> _Process:
    context: Any = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(run, job, main, number, str(rendezvous), writer), name=f"process {number + 1}")
    with writer:
        process.start()
    return _Process(number, process, Inbox(reader))


def _work(run: str, job: Job, main: bytes, number: int, rendezvous: str, pipe: Connection) -> None:
    """What each process does. It then waits to be killed: closing its connections would make the others fail."""
    from archwright.evaluate.run_job import run_job  # torch
    from archwright.process_group import process_environment

    exit_with_parent()
    os.environ.update(process_environment(number, job.devices, rendezvous))
    limit_threads(job.threads)
    unpack_main(main)
    own = replace(job, device=f"cuda:{number}" if job.device.startswith("cuda") else job.device)
    outcome = run_job(own, lambda record: send(pipe, "epoch", record) if number == 0 else None, run)
    send(pipe, "outcome", outcome.to_json())
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
