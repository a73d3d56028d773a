"""candidates.csv: one line for every network that was proposed or trained, for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.ledger.row import Row

BEFORE = ("number", "state", "cause", "stage", "strategy", "architecture", "key", "parent")
MEASURED = ("parameters", "macs", "peak_memory_mb", "seconds", "epochs")
AFTER = (*MEASURED, "seed", "worker", "continues")
STAGES = ("search", "final", "baseline")
"""Of these stages; the training of a supernet is no candidate's."""
WRITING_SHARE = 0.02
"""Of the time, at most, goes into writing the table anew while trainings run. What a kill leaves out, the next start writes."""


class CandidatesTable:
    """The table at `path`. Lines of finished rows are kept as text, as they do not change: 10,000 rows are written in 30 ms.

    `is_behind`: for the owner to set when there is something new to write.
    """

    def __init__(self, path: Path, metric: str) -> None:
        self._path = path
        self._metrics = [metric, "loss"]
        self._lines: dict[int, str] = {}
        self.is_behind = False
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is behind, and the last writing is so long ago that all of them take a small share of the time."""
        return self.is_behind and time.monotonic() >= self._next

    def write(self, rows: Sequence[Row]) -> None:
        """Write the table at once or not at all. `rows`: all of the run, in the order in which they were begun."""
        begun = time.monotonic()
        self._write(rows)
        self.is_behind = False
        ended = time.monotonic()
        self._next = ended + (ended - begun) / WRITING_SHARE

    def _write(self, rows: Sequence[Row]) -> None:
        rows = [row for row in rows if row.stage in STAGES]
        self._learn_metrics(rows)
        searched = {(row.strategy, row.number): row.run_number for row in rows if row.stage == "search"}
        header = _line([*BEFORE, *(f"val_{name}" for name in self._metrics), *AFTER])
        _write_at_once(self._path, [header, *(self._line_of(row, searched) for row in rows)])

    def _learn_metrics(self, rows: Sequence[Row]) -> None:
        """One column for every metric that was seen; where a new one appears, all lines are made anew."""
        fresh = (row for row in rows if row.run_number not in self._lines and row.outcome is not None)
        new = {name for row in fresh if row.outcome is not None for name in row.outcome.metrics} - set(self._metrics)
        if new:
            self._metrics += sorted(new)
            self._lines.clear()

    def _line_of(self, row: Row, searched: dict[tuple[str, int], int]) -> str:
        if row.run_number in self._lines:
            return self._lines[row.run_number]
        line = _line(_fields(row, searched, self._metrics))
        if row.state != "running":
            self._lines[row.run_number] = line
        return line


def _fields(row: Row, searched: dict[tuple[str, int], int], metrics: Sequence[str]) -> list[Any]:
    """The row's fields in the order of the columns; what is not known, or not yet, is empty."""
    answers = json.dumps(dict(row.architecture.answers), allow_nan=False) if row.architecture is not None else ""
    parent, continues = (searched.get((row.strategy, n)) if n is not None else None for n in (row.parent, row.continues))
    cause = " ".join(row.cause.split())
    judged = row.outcome.metrics if row.outcome is not None else {}
    return [
        *(row.run_number, row.state, cause, row.stage, row.strategy, answers, row.key, parent),
        *(judged.get(name) for name in metrics),
        *(getattr(row.outcome, name, None) for name in MEASURED),
        *(row.seed, row.worker, continues),
    ]


def _line(fields: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _write_at_once(path: Path, lines: Iterable[str]) -> None:
    with written_atomically(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
