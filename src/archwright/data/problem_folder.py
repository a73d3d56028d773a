"""Stores a problem in a folder: .npy files and problem.json, written once, read by every worker. Nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.splits import LockedTest, ProblemData, Split
from archwright.errors import DataError, RunFolderError

DESCRIPTION = "problem.json"


def save_problem(data: ProblemData, folder: Path | str) -> Path:
    """Write `data` into `folder`, atomically; do nothing if the folder already holds the same problem.

    Raises RunFolderError if it holds anything else: that is never overwritten.
    """
    folder = Path(folder)
    description = _description(data)
    if _holds(folder, description):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(data, description, unfinished)
        _move(unfinished, folder, description)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def open_problem(folder: Path | str) -> ProblemData:
    """The problem that `save_problem` wrote; inputs are memory-mapped. Raises DataError if the folder holds none."""
    folder = Path(folder)
    text = _read_description(folder)
    if text is None:
        raise DataError(f"{folder} holds no stored problem: {DESCRIPTION} is missing")
    problem = Problem.from_json(text["problem"])
    train, val = _read_split(folder / "train"), _read_split(folder / "val")
    test = LockedTest(lambda: _read_split(folder / "test"), problem.n_test)
    return ProblemData(problem, train, val, test, Preprocessing.from_json(text["preprocessing"]), tuple(text["notes"]))


def _read_split(folder: Path) -> Split:
    try:
        return Split.read(folder)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder} is damaged ({error}): delete {folder.parent} to have it written again") from None


def _description(data: ProblemData) -> dict[str, Any]:
    description: dict[str, Any] = {
        "problem": data.problem.to_json(),
        "preprocessing": data.preprocessing.to_json(),
        "notes": list(data.notes),
        "rows": hashlib.sha256(data.train.index.tobytes() + b"|" + data.val.index.tobytes()).hexdigest()[:16],
    }
    as_read: dict[str, Any] = json.loads(json.dumps(description, allow_nan=False))
    return as_read


def _write(data: ProblemData, description: dict[str, Any], folder: Path) -> None:
    os.chmod(folder, 0o755)
    for part, split in (("train", data.train), ("val", data.val), ("test", data.test)):
        (folder / part).mkdir()
        split.write(folder / part)
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, allow_nan=False), encoding="utf-8")


def _move(unfinished: Path, folder: Path, description: dict[str, Any]) -> None:
    try:
        os.rename(unfinished, folder)
    except OSError:
        if not _holds(folder, description):  # another process may have written the same problem first
            raise


def _holds(folder: Path, description: dict[str, Any]) -> bool:
    """Whether the folder holds this very problem. Raises RunFolderError if it holds something else."""
    text = _read_description(folder)
    if text is None:
        if folder.is_dir() and any(folder.iterdir()):
            raise RunFolderError(f"{folder} exists but holds no stored problem: choose another folder")
        return False
    if {**text, "notes": None} != {**description, "notes": None}:  # their wording may change between versions
        old, new = text["problem"], description["problem"]
        different = [key for key in new if old.get(key) != new[key]] or ["the assignment of rows to splits"]
        raise RunFolderError(
            f"{folder} belongs to other data ({old['name']!r}; different: {', '.join(different)}): choose another folder"
        )
    return True


def _read_description(folder: Path) -> dict[str, Any] | None:
    file = folder / DESCRIPTION
    if not file.is_file():
        return None
    try:
        text: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is damaged ({error}): delete the folder to have it written again") from None
    return text
