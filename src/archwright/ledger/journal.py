"""Optuna's append-only journal for shared folders, made fit for kills and power cuts.

Two facts about the journal: a last line cut short (disk full, power cut) makes every later read fail once another line is
appended behind it, and the lock that a killed process left holds everybody else until a grace period is over. So the tail
is repaired when the journal is opened, while its lock is held, and the grace period is short.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

from archwright.errors import InputError

LOCK_GRACE_S = 5
"""Seconds after which a lock is taken for one that a killed process left: just longer than the slowest append.

Measured on a local disk, appending rows of 2 kB, each with its fsync, from two processes at once while a third wrote 6 GB to the
same disk: median 8 ms, slowest of 2,000 0.33 s. The rest is room for network file systems and sleepy disks, as taking the lock from
a process that still writes could mix up two lines."""

TAIL_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class _Lock(JournalFileOpenLock):
    """Optuna's lock, made by an exclusive open: one step on local file systems, and on NFS from version 3 on.

    Optuna's default, a symbolic link, is never taken over when the journal's path is relative: the age that it asks for is
    that of a file which is not there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path.absolute()), grace_period=LOCK_GRACE_S)

    def release(self) -> None:
        """Give the lock back. Where it was taken from us while we slept (a laptop's lid), what we did is done all the same."""
        with suppress(RuntimeError):
            super().release()


class _MendingLock(_Lock):
    """The journal's lock: who takes it finds a journal to which a line can be appended, whatever the last holder left."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def acquire(self) -> bool:
        taken = super().acquire()
        try:
            if not _ends_with_a_line(self._path):
                logger.warning("%s: the last line was cut short; it was moved to %s", self._path, repair_tail(self._path))
        except BaseException:
            self.release()
            raise
        return taken


@contextmanager
def file_lock(path: Path, notes: list[str] | None = None) -> Iterator[None]:
    """Be the only process that holds `path`.lock; one that a killed process left is taken over after LOCK_GRACE_S (noted)."""
    lock = _Lock(path)
    before = time.monotonic()
    lock.acquire()
    try:
        if notes is not None and time.monotonic() - before >= LOCK_GRACE_S:
            notes.append(f"{path}: a lock that a killed process had left was taken over after {LOCK_GRACE_S} s")
        yield
    finally:
        lock.release()


def open_journal(path: Path) -> tuple[JournalStorage, tuple[str, ...]]:
    """The journal at `path`, made if it is not there, and what had to be mended.

    Raises InputError where the file is no journal of Optuna's (it is left as it is) or has an unreadable line in its middle,
    and OSError where it cannot be written.
    """
    path = path.absolute()
    notes: list[str] = []
    with file_lock(path, notes):
        cut = repair_tail(path)
    if cut is not None:
        notes.append(f"{path}: the last line was cut short (by a power cut, a full disk or a kill); it was moved to {cut}")
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_MendingLock(path))), tuple(notes)
    except ValueError as error:
        raise InputError(f"{path} has a line that is not JSON ({error}): take that line out, or give another journal") from error


def repair_tail(path: Path) -> Path | None:
    """Cut the last line off where it is incomplete, and return the file beside `path` that now holds its bytes, else None.

    To be called while holding the lock. Raises InputError, and touches nothing, where the file does not begin as a journal does.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("r+b") as journal:
        _check_beginning(path, journal.readline())
        end = _end_of_last_record(path)
        journal.seek(end)
        rest = journal.read()
        if not rest:
            return None
        kept = _keep(path, rest)  # before the cut: a kill in between leaves the bytes twice, never nowhere
        journal.truncate(end)
        os.fsync(journal.fileno())
        return kept


def _check_beginning(path: Path, first: bytes) -> None:
    cut_short = not first.endswith(b"\n") or not first.strip(b"\0\r\n")
    if not (_is_record(first) or (cut_short and b'{"op_code":'.startswith(first[:11].rstrip(b"\0\r\n")))):
        raise InputError(
            f"{path} is not an Optuna journal: give journal:PATH the path of one, or of a file that does not exist yet"
        )


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n") and isinstance(record, dict) and "op_code" in record


def _end_of_last_record(path: Path) -> int:
    """The offset behind the last line that is whole; read from the end, as a journal can be long."""
    size = path.stat().st_size
    reach = TAIL_BYTES
    while True:
        start = max(0, size - reach)
        with path.open("rb") as journal:
            journal.seek(start)
            lines = journal.read(size - start).splitlines(keepends=True)
        end = size
        for line in reversed(lines if start == 0 else lines[1:]):
            if _is_record(line):
                return end
            end -= len(line)
        if start == 0:
            return 0
        reach *= 8


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as journal:
        size = journal.seek(0, os.SEEK_END)
        journal.seek(max(0, size - 1))
        return journal.read(1) in (b"", b"\n")


def _keep(path: Path, rest: bytes) -> Path:
    number = 1
    while True:
        beside = path.with_name(f"{path.name}.cut-{number}")
        try:
            with beside.open("xb") as file:
                file.write(rest)
                file.flush()
                os.fsync(file.fileno())
            return beside
        except FileExistsError:
            number += 1
