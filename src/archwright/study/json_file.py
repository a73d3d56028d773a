"""JSON files, written at once or not at all, and without NaN."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archwright.errors import RunFolderError


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises RunFolderError where it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read as JSON ({error}): restore it, or begin anew with another --out") from error


def write_json(path: Path, content: Any) -> None:
    """Write at once or not at all. NaN and infinity become null."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n")
    os.replace(part, path)


def create_json(path: Path, content: Any) -> None:
    """Write as `write_json` does, where there is no such file yet; one that is there stays."""
    part = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_json(part, content)
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(part, path)
    part.unlink(missing_ok=True)


def without_nan(content: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(content, float) and content - content != 0:
        return None
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return content
