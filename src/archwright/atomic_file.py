"""Atomic file writes: a file is complete or absent, even if the process is killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_atomically(file: Path) -> Iterator[Path]:
    """A temporary path beside `file` to write to; on success it replaces `file` atomically, on an error it is deleted."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
