"""Data on a machine that cannot see the run folder: written once, used by many trainings, deleted at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DATA = "data"


@contextmanager
def training_folder(key: str, write_data: Callable[[Path], None]) -> Iterator[Path]:
    """A folder for one training, with the data of this key at ROOT/data; `write_data(folder)` writes them if they are missing.

    The folder is deleted at the end; the data remain for the next training.
    """
    base = _base(key)
    with (base / "lock").open("w") as lock:
        _share(lock.fileno(), base / DATA, write_data)
        root = base / uuid.uuid4().hex
        root.mkdir()
        try:
            (root / DATA).symlink_to(base / DATA)
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)


def delete_data(key: str) -> None:
    """Delete the data of this key and leftovers of killed trainings, unless a training is using them."""
    base = _base(key)
    with (base / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(base, ignore_errors=True)


def _share(lock: int, data: Path, write_data: Callable[[Path], None]) -> None:
    """Make sure that the data exist, and return holding a shared lock, which prevents their deletion."""
    fcntl.flock(lock, fcntl.LOCK_SH)
    while not data.is_dir():
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.is_dir():
            unfinished = Path(tempfile.mkdtemp(dir=data.parent))
            write_data(unfinished)
            os.replace(unfinished, data)
        fcntl.flock(lock, fcntl.LOCK_SH)


def _base(key: str) -> Path:
    """The folder for this key, in a temporary folder of this user. Raises OSError if that belongs to another user."""
    own = Path(tempfile.gettempdir()) / f"archwright-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.getuid():
        raise PermissionError(f"{own} belongs to another user: set TMPDIR to another folder")
    base = own / key
    base.mkdir(mode=0o700, exist_ok=True)
    return base
