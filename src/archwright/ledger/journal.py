"""Optuna's append-only journal for shared folders, made robust against kills and power failures.

Two facts about the journal: after a truncated last line (full disk, power failure), every read fails once another line has been
appended to it; and a lock left by a killed process blocks all others until a grace period is over. Therefore the tail is repaired
when the journal is opened, with its lock held, and the grace period is short.
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
"""Age in seconds at which a lock is considered left by a killed process: longer than the slowest append.

Measured on a local disk, appending rows of 2 kB, each with fsync, from two processes while a third wrote 6 GB to the same disk:
median 8 ms, slowest of 2,000 appends 0.33 s. The margin is for network file systems and disks that spin up, as taking the lock from
a process that is still writing could interleave two lines."""

TAIL_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class _Lock(JournalFileOpenLock):
    """Optuna's lock file, created by an exclusive open: atomic on local file systems and on NFS from version 3.

    Optuna's default, a symbolic link, is never taken over if the journal's path is relative, because Optuna then checks the age
    of a file that does not exist.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path.absolute()), grace_period=LOCK_GRACE_S)

    def release(self) -> None:
        """Release the lock. Not an error if another process took it over in the meantime, as on a suspended laptop."""
        with suppress(RuntimeError):
            super().release()


class _RepairingLock(_Lock):
    """The journal's lock. Acquiring it repairs the journal, so that a line can be appended whatever the last holder left."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def acquire(self) -> bool:
        acquired = super().acquire()
        try:
            if not _ends_with_a_line(self._path):
                logger.warning("%s: the last line was truncated; it was moved to %s", self._path, repair_tail(self._path))
        except BaseException:
            self.release()
            raise
        return acquired


@contextmanager
def file_lock(path: Path, notes: list[str] | None = None) -> Iterator[None]:
    """Hold the lock `path`.lock; one left by a killed process is taken over after LOCK_GRACE_S, which is recorded in `notes`."""
    lock = _Lock(path)
    before = time.monotonic()
    lock.acquire()
    try:
        if notes is not None and time.monotonic() - before >= LOCK_GRACE_S:
            notes.append(f"{path}: a lock left by a killed process was taken over after {LOCK_GRACE_S} s")
        yield
    finally:
        lock.release()


def open_journal(path: Path) -> tuple[JournalStorage, tuple[str, ...]]:
    """Open the journal at `path`, creating it if necessary; returns it with notes on what was repaired.

    Raises InputError if the file is not an Optuna journal (it is left untouched) or has an unreadable line in the middle, and
    OSError if it cannot be written.
    """
    path = path.absolute()
    notes: list[str] = []
    with file_lock(path, notes):
        cut = repair_tail(path)
    if cut is not None:
        notes.append(f"{path}: the last line was truncated (by a power failure, a full disk or a kill); it was moved to {cut}")
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_RepairingLock(path))), tuple(notes)
    except ValueError as error:
        raise InputError(f"{path} has a line that is not JSON ({error}): delete that line, or give another journal") from error


def repair_tail(path: Path) -> Path | None:
    """Cut off an incomplete last line and return the file beside `path` that its bytes were moved to; None if it is complete.

    To be called with the lock held. Raises InputError, and changes nothing, if the file does not begin like a journal.
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
        saved = _save_beside(path, rest)  # before the cut: a kill in between duplicates the bytes but never loses them
        journal.truncate(end)
        os.fsync(journal.fileno())
        return saved


def _check_beginning(path: Path, first: bytes) -> None:
    cut_short = not first.endswith(b"\n") or not first.strip(b"\0\r\n")
    if not (_is_record(first) or (cut_short and b'{"op_code":'.startswith(first[:11].rstrip(b"\0\r\n")))):
        raise InputError(
            f"{path} is not an Optuna journal: give journal:PATH with the path of one, or of a file that does not exist yet"
        )


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n") and isinstance(record, dict) and "op_code" in record


def _end_of_last_record(path: Path) -> int:
    """The offset after the last complete line; read backwards, as a journal can be long."""
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


def _save_beside(path: Path, rest: bytes) -> Path:
    number = 1
    while True:
        target = path.with_name(f"{path.name}.cut-{number}")
        try:
            with target.open("xb") as file:
                file.write(rest)
                file.flush()
                os.fsync(file.fileno())
            return target
        except FileExistsError:
            number += 1
