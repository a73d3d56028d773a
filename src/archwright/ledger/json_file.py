"""JSON files, written atomically and without NaN."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.errors import RunFolderError


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises RunFolderError if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read as JSON ({error}): restore it, or start a run with another --out") from error


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically. NaN and infinity become null."""
    with written_atomically(path) as temporary:
        temporary.write_text(json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def create_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically unless it exists already; of several concurrent processes, the first one wins."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        whole = Path(folder) / path.name
        write_json(whole, content)
        try:
            os.link(whole, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(whole, path)


def without_nan(content: Any) -> Any:
    """`content` with null for NaN and infinity, which JSON does not have."""
    if isinstance(content, float) and content - content != 0:
        return None
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return content
