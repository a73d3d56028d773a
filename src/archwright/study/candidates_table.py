"""candidates.csv: one row per network that was proposed or trained, for people and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.ledger.row import Row

COLUMNS_BEFORE_METRICS = ("number", "state", "cause", "stage", "strategy", "architecture", "key", "parent")
MEASURED = ("parameters", "macs", "peak_memory_mb", "seconds", "epochs")
COLUMNS_AFTER_METRICS = (*MEASURED, "seed", "worker", "continues")
STAGES = ("search", "final", "baseline")
"""Stages that have rows in the table; the training of a supernet is not a candidate."""
WRITING_SHARE = 0.02
"""At most this share of the time is spent rewriting the table while trainings run. The next start completes it after a kill."""


class CandidatesTable:
    """The table at `path`. Finished rows do not change, so their lines are cached as text: 10,000 rows are written in 30 ms.

    `is_behind`: set by the owner when there is something new to write.
    """

    def __init__(self, path: Path, metric: str) -> None:
        self._path = path
        self._metrics = [metric, "loss"]
        self._lines: dict[int, str] = {}
        self.is_behind = False
        self._next_write = 0.0

    @property
    def is_due(self) -> bool:
        """Whether there is something new to write and rewriting now stays within `WRITING_SHARE` of the time."""
        return self.is_behind and time.monotonic() >= self._next_write

    def write_if_due(self, rows: Callable[[], Sequence[Row]]) -> None:
        """Write the table if there is something new and it is time to. `rows`: returns all rows of the run."""
        if self.is_due:
            self.write(rows())

    def write(self, rows: Sequence[Row]) -> None:
        """Write the table atomically. `rows`: all rows of the run, in the order in which they were begun."""
        begun = time.monotonic()
        self._write(rows)
        self.is_behind = False
        ended = time.monotonic()
        self._next_write = ended + (ended - begun) / WRITING_SHARE

    def _write(self, rows: Sequence[Row]) -> None:
        rows = [row for row in rows if row.stage in STAGES]
        self._add_metric_columns(rows)
        searched = {(row.strategy, row.number): row.run_number for row in rows if row.stage == "search"}
        header = _line([*COLUMNS_BEFORE_METRICS, *(f"val_{name}" for name in self._metrics), *COLUMNS_AFTER_METRICS])
        _write_atomically(self._path, [header, *(self._line_of(row, searched) for row in rows)])

    def _add_metric_columns(self, rows: Sequence[Row]) -> None:
        """One column per metric seen so far; a new metric invalidates all cached lines."""
        uncached = (row for row in rows if row.run_number not in self._lines and row.outcome is not None)
        new = {name for row in uncached if row.outcome is not None for name in row.outcome.metrics} - set(self._metrics)
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
    """The row's fields in column order; a field that is unknown, or not known yet, is empty."""
    answers = json.dumps(dict(row.architecture.answers), allow_nan=False) if row.architecture is not None else ""
    parent, continues = (searched.get((row.strategy, n)) if n is not None else None for n in (row.parent, row.continues))
    cause = " ".join(row.cause.split())
    metric_values = row.outcome.metrics if row.outcome is not None else {}
    return [
        *(row.run_number, row.state, cause, row.stage, row.strategy, answers, row.key, parent),
        *(metric_values.get(name) for name in metrics),
        *(getattr(row.outcome, name, None) for name in MEASURED),
        *(row.seed, row.worker, continues),
    ]


def _line(fields: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _write_atomically(path: Path, lines: Iterable[str]) -> None:
    with written_atomically(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
