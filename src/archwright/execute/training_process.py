"""The coordinator's side of one training process: start it, read its messages, enforce its limits, say how it ended."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from archwright.evaluate.job import Job, Outcome, written_outcome
from archwright.execute.device_placement import Placement
from archwright.execute.exit_code import why_it_ended
from archwright.execute.fork_server import start_process
from archwright.execute.main_module import pack_main
from archwright.execute.messages import Inbox
from archwright.execute.process_memory import family_mb, oom_kills, resident_mb
from archwright.execute.training_process_main import Order, carry_out

LOOK_EVERY_SECONDS = 0.1
"""How often to check a silent training against its limits."""
GRACE_SECONDS = 5.0
"""A training stops by itself at its time limit; one that is still running this much later hangs."""

END_SECONDS = 5.0
"""How long to wait for a killed process: one that is stuck in a broken driver may never exit."""
LOST = 255
"""The exit code that multiprocessing reports for a process whose fork server has died."""


def not_started(error: OSError | EOFError) -> Outcome:
    """The outcome of a job whose process could not be started: a machine fault."""
    return Outcome("failed", cause=f"no process could be started: {error}", machine_fault=True)


class TrainingProcess:
    """One job in a process of its own. Call `look` for its outcome whenever one of `handles` is ready, and now and then."""

    def __init__(self, job: Job, run: str, placement: Placement, name: str) -> None:
        """Raises OSError or EOFError if no process can be started."""
        self.job = job
        self.records: list[Mapping[str, Any]] = []
        self._peak_mb = 0.0
        self._oom_kills = oom_kills()
        text = json.dumps(replace(job, device=placement.device).to_json())
        order = Order(text, run, placement.visible, pack_main(job, run))
        self._process, pipe = start_process(carry_out, order, name)
        self._inbox: Inbox | None = Inbox(pipe, self.records)
        self._start = time.monotonic()

    @property
    def handles(self) -> list[Any]:
        """What becomes ready when there is news (for `multiprocessing.connection.wait`)."""
        return [self._process.sentinel, *([self._inbox.pipe] if self._inbox else [])]

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def look(self) -> Outcome | None:
        """The outcome, once the training has ended or exceeded a limit; the process is gone then. None while it runs."""
        outcome = self._received() or self._ended() or self._beyond_a_limit()
        if outcome is not None:
            self.end()
        return outcome

    def end(self) -> None:
        """Kill it and all that it started, at once: whatever a training writes, it writes atomically."""
        if self._inbox is not None:
            self._inbox.pipe.close()
            self._inbox = None
        self._process.kill()
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.join(END_SECONDS)

    def _received(self) -> Outcome | None:
        """Read all messages; the outcome, if it has arrived."""
        try:
            return self._inbox.read() if self._inbox is not None else None
        except (EOFError, OSError):
            self._inbox = None
        return None

    def _ended(self) -> Outcome | None:
        """How it exited without sending a result: from what it has written, else from its exit code."""
        code = self._process.exitcode
        if code is None:
            return None
        return self._received() or written_outcome(self.job) or self._failed(self._why_it_ended(code), machine_fault=True)

    def _why_it_ended(self, code: int) -> str:
        lost = "lost: it, or the server that forked it, exited without an exit code"
        cause = lost if code == LOST else why_it_ended(code)
        starved = code in (LOST, -signal.SIGKILL) and oom_kills() > self._oom_kills
        return f"out of memory: {cause} while the system was killing processes for lack of memory" if starved else cause

    def _beyond_a_limit(self) -> Outcome | None:
        seconds, limit = time.monotonic() - self._start, self.job.time_limit
        if limit is not None and seconds > limit + GRACE_SECONDS:
            return self._failed(f"timed out after {seconds:.0f} s: hung (the limit is {limit:g} s)")
        if self.job.memory_limit is None:
            return None
        used = resident_mb(self.pid) if self.job.devices == 1 else family_mb(self.pid)
        self._peak_mb = max(self._peak_mb, used or 0.0)
        if self._peak_mb > self.job.memory_limit:
            return self._failed(f"out of memory: used {self._peak_mb:.0f} MB of the allowed {self.job.memory_limit:g} MB")
        return None

    def _failed(self, cause: str, machine_fault: bool = False) -> Outcome:
        return Outcome(
            "failed",
            cause=cause,
            curve=tuple(self.records),
            seconds=time.monotonic() - self._start,
            peak_memory_mb=self._peak_mb or None,
            machine_fault=machine_fault,
        )
