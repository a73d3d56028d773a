"""One error sentence for every way in which reading a file can fail."""

from __future__ import annotations

import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archwright.errors import DataError

DAMAGE = (
    OSError, EOFError, ValueError, LookupError, SyntaxError, OverflowError, NotImplementedError, struct.error, zlib.error,
    tokenize.TokenError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""The exceptions that readers of archives, arrays and images raise for damaged files."""


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turns whatever goes wrong while `path` is read as `kind` (a noun with its article) into a DataError."""
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): write it again")
    try:
        yield
    except DataError:
        raise
    except PermissionError:
        raise DataError(f"{path} cannot be read: permission denied; change its permissions with chmod") from None
    except DAMAGE as error:
        raise DataError(
            f"{path} cannot be read as {kind} ({error}): it may be truncated or of another type, so write it again"
        ) from None
