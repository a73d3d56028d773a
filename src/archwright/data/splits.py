"""The splits of a problem, and the lock on the test split."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.raw_data import Array


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split.

    x: (n, *input_shape), uint8 for byte images, else float32, not normalised. y: (n,) int64 classes, or (n, outputs)
    float32 labels or amounts in their original units. index: (n,) int64, the row in source order (given splits in sequence).
    """

    x: Array
    y: Array
    index: Array

    def __len__(self) -> int:
        return len(self.y)

    def write(self, folder: Path) -> None:
        """Write x.npy, y.npy and index.npy into `folder`, which must exist."""
        for name in ("x", "y", "index"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def read(cls, folder: Path) -> Split:
        """The split that `write` wrote, with memory-mapped inputs."""
        return cls(
            *(
                np.load(folder / f"{name}.npy", mmap_mode="r" if name == "x" else None, allow_pickle=False)
                for name in ("x", "y", "index")
            )
        )


class LockedTest:
    """The locked test split: `open` is the only way to its rows, and adds a line to a log."""

    def __init__(self, read: Callable[[], Split], rows: int) -> None:
        self._read = read
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def open(self, reason: str, log: Path) -> Split:
        """The test split, after appending one JSON line {"reason", "time"} to `log` (time: ISO 8601, UTC)."""
        line = json.dumps({"reason": reason, "time": datetime.now(UTC).isoformat()}) + "\n"
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
        return self._read()

    def write(self, folder: Path) -> None:
        """Write the rows into `folder` without revealing them to the caller."""
        self._read().write(folder)


@dataclass(frozen=True, eq=False)
class ProblemData:
    """A problem with its splits and the normalisation learned on the training split. `notes`: assumptions, in words."""

    problem: Problem
    train: Split
    val: Split
    test: LockedTest
    preprocessing: Preprocessing
    notes: tuple[str, ...] = ()
