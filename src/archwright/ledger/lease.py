"""The coordinators of a run: each renews a lease in the ledger, and others take over the rows of one that died.

(Optuna's heartbeat works only inside `Study.optimize`, which is not used here.)
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
"""A lease outlives five missed renewals; the clocks of the machines may differ by as much."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """One coordinator's claim: process `pid` (started at `started`, in clock ticks since boot) works on the run until `expires`.

    `namespace`: the PID namespace; two containers on one machine have different ones. `expires`: Unix time in seconds.
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
        """Whether the process exists; None if it is on another machine or in another container, so that this is unknown."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return None
        return _exists(self.pid) and _start_time(self.pid) == self.started

    def has_expired(self) -> bool:
        """Whether its process has died or missed its renewals: other coordinators may take over its running rows."""
        return self.expires < time.time() or self.alive() is False

    def excludes_others(self) -> bool:
        """Whether its process may still write. On this machine the process itself is checked: a suspended one can wake up."""
        if self.expires == 0.0:
            return False
        alive = self.alive()
        return self.expires >= time.time() if alive is None else alive


def new_lease() -> Lease:
    """A lease for this process, under a new coordinator name."""
    pid = os.getpid()
    return Lease(uuid4().hex[:12], socket.gethostname(), _namespace(), pid, _start_time(pid), time.time() + VALID_FOR_S)


class Renewal:
    """Renews a lease in a background thread, so that it does not expire during a training or a slow proposal in the main thread.

    `write` stores a lease; if it raises, the error is logged and the renewal retried later. `close_thread` is called at the end of
    the thread.
    """

    def __init__(self, lease: Lease, write: Callable[[Lease], None], close_thread: Callable[[], None]) -> None:
        self._lease = lease
        self._write = write
        self._close_thread = close_thread
        self._stop = Event()
        self._renewed = time.monotonic()
        self._thread = Thread(target=self._run, name="archwright-lease", daemon=True)
        self._thread.start()

    def renew_if_due(self) -> None:
        """Renew the lease if the last renewal is long enough ago; cheap otherwise."""
        if time.monotonic() - self._renewed >= RENEWED_EVERY_S:
            self._write(self._lease.renewed())
            self._renewed = time.monotonic()

    def end(self) -> None:
        """Stop renewing and release the lease."""
        self._stop.set()
        self._thread.join()
        self._try(lambda: self._write(self._lease.ended()))

    def _run(self) -> None:
        while not self._stop.wait(RENEWED_EVERY_S / 4):
            self._try(self.renew_if_due)
        self._close_thread()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # any database or file system error: the next renewal may succeed
            logger.warning("could not renew the lease of this run: %s", error)


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


def _start_time(pid: int) -> str:
    """When a process started, to distinguish it from a later one with the same PID; "" if unknown.

    A zombie counts as dead, although its entry still exists.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in "ZX" else fields[19]
