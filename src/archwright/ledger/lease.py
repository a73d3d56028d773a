"""Who is at work on a run: each coordinator renews a lease in the ledger, and what a dead one left is taken up again.

(Optuna's heartbeats run only inside `Study.optimize`, which is not used here.)
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

RENEWED_EVERY_S = 10.0
VALID_FOR_S = 60.0
"""A lease outlives five missed renewals, which is also the difference that clocks of several machines may have."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """One coordinator's claim: process `pid` (begun at `started`, in clock ticks since boot) works on the run until `expires`.

    `namespace`: in which process ids are counted; two containers on one machine have two. `expires`: seconds since 1970.
    """

    coordinator: str
    host: str
    namespace: str
    pid: int
    started: str
    expires: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Lease:
        return cls(**text)

    def renewed(self) -> Lease:
        return replace(self, expires=time.time() + VALID_FOR_S)

    def ended(self) -> Lease:
        return replace(self, expires=0.0)

    @property
    def holder(self) -> str:
        return f"process {self.pid} on {self.host}"

    def alive(self) -> bool | None:
        """Whether the process is there; None where that cannot be seen from here: another machine or container."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return None
        return _exists(self.pid) and _started(self.pid) == self.started

    def run_out(self) -> bool:
        """Dead or too late: its running trials are anybody's."""
        return self.expires < time.time() or self.alive() is False

    def excludes_others(self) -> bool:
        """Whether its process may still write. On this machine the process itself answers: a sleeping one can wake up."""
        if self.expires == 0.0:
            return False
        alive = self.alive()
        return self.expires >= time.time() if alive is None else alive


def new_lease() -> Lease:
    """A lease for this process, under a name that no earlier start has had."""
    pid = os.getpid()
    return Lease(uuid4().hex[:12], socket.gethostname(), _namespace(), pid, _started(pid), time.time() + VALID_FOR_S)


class Renewal:
    """Renews a lease from a thread of its own, so that a training or a slow proposal in the main thread does not let it run out.

    `write` stores a lease and may raise: that is logged, and tried again at the next turn. `leave_thread` is called at the end of
    the thread.
    """

    def __init__(self, lease: Lease, write: Callable[[Lease], None], leave_thread: Callable[[], None]) -> None:
        self._lease = lease
        self._write = write
        self._leave_thread = leave_thread
        self._stop = Event()
        self._renewed = time.monotonic()
        self._thread = Thread(target=self._run, name="archwright-lease", daemon=True)
        self._thread.start()

    def renew_if_due(self) -> None:
        """Renew where the last renewal is long ago; cheap otherwise."""
        if time.monotonic() - self._renewed >= RENEWED_EVERY_S:
            self._write(self._lease.renewed())
            self._renewed = time.monotonic()

    def end(self) -> None:
        """Stop renewing and give the lease back."""
        self._stop.set()
        self._thread.join()
        self._try(lambda: self._write(self._lease.ended()))

    def _run(self) -> None:
        while not self._stop.wait(RENEWED_EVERY_S / 4):
            self._try(self.renew_if_due)
        self._leave_thread()

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # whatever the database or the file system raises: the next turn may do better
            logger.warning("the lease of this run could not be written: %s", error)


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    """When a process began, so that another one under the same number is not taken for it; "" where that is not known.

    A zombie is dead, though its entry is still there.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in "ZX" else fields[19]
