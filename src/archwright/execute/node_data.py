"""The data on a machine that does not see the run folder: laid down once, used by many trainings, deleted by whoever comes last."""

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
def training_root(key: str, lay_down: Callable[[Path], None]) -> Iterator[Path]:
    """A folder for one training, with the data of this key at ROOT/data. `lay_down(folder)` writes them, if they are not there.

    It is deleted in the end; the data stay for the next training.
    """
    base = _base(key)
    with (base / "lock").open("w") as lock:
        _share(lock.fileno(), base / DATA, lay_down)
        root = base / uuid.uuid4().hex
        root.mkdir()
        try:
            (root / DATA).symlink_to(base / DATA)
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)


def forget(key: str) -> None:
    """Delete the data of this key, and what killed trainings have left, unless a training uses them."""
    base = _base(key)
    with (base / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(base, ignore_errors=True)


def _share(lock: int, data: Path, lay_down: Callable[[Path], None]) -> None:
    """Return with the data there and the lock shared: nobody deletes them then."""
    fcntl.flock(lock, fcntl.LOCK_SH)
    while not data.is_dir():
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.is_dir():
            unfinished = Path(tempfile.mkdtemp(dir=data.parent))
            lay_down(unfinished)
            os.replace(unfinished, data)
        fcntl.flock(lock, fcntl.LOCK_SH)


def _base(key: str) -> Path:
    """This user's own folder, among the machine's temporary files. Raises OSError where somebody else has taken its name."""
    own = Path(tempfile.gettempdir()) / f"archwright-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.getuid():
        raise PermissionError(f"{own} belongs to somebody else: set TMPDIR to another folder")
    base = own / key
    base.mkdir(mode=0o700, exist_ok=True)
    return base
