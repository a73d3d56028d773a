"""Progress output of a run: a live status line on a terminal, and one permanent line per finished training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console

from archwright.data.problem import as_score
from archwright.formatting import metric_text, seconds_text
from archwright.ledger.row import Row
from archwright.study.candidates_table import STAGES
from archwright.study.live_line import LiveLine
from archwright.study.scheduler import Scheduler

SHOWN = 8
"""The live line names this many trainings under way and counts the rest."""
REFRESH_EVERY_S = 0.1


class Progress:
    """Reports finished trainings, the best result so far, trainings under way and the time left."""

    def __init__(self, metric: str, console: Console | None = None) -> None:
        self._metric = metric
        self._line = LiveLine(console)
        self._phase = ""
        self._expected: int | None = None
        self._done = 0
        self._best: float | None = None
        self._left: Callable[[], float] | None = None
        self._refreshed = -REFRESH_EVERY_S

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print one permanent line."""
        self._line.say(text)

    def phase(self, name: str, of: int | None = None, left: Callable[[], float] | None = None) -> None:
        """Begin a phase of the run. `of`: its number of trainings, if known. `left`: returns the seconds left for it."""
        self._phase, self._expected, self._left, self._done, self._best = name, of, left, 0, None

    def finished(self, row: Row) -> None:
        """Report a row's result; duplicates and refused networks were not trained and are not reported."""
        if row.state not in ("complete", "failed", "pruned"):
            return
        outcome = row.outcome
        value = outcome.metrics.get(self._metric) if outcome is not None and outcome.state == "complete" else None
        result = f"val {metric_text(self._metric, value)}" if value is not None else f"{row.state}: {row.cause}".rstrip(": ")
        seconds = f" in {seconds_text(outcome.seconds)}" if outcome is not None else ""
        line = f"{row.stage.replace('_', ' ')} {row.strategy or row.baseline} #{row.run_number}: {result}{seconds}"
        if row.stage not in STAGES:  # not a candidate: neither counted nor compared with the best
            self.say(line)
            return
        self._done += 1
        if value is not None and (self._best is None or as_score(self._metric, value) > as_score(self._metric, self._best)):
            self._best = value
        self.say(f"[{self._count()}] {line}{self._tail()}")

    def refresh(self, scheduler: Scheduler) -> None:
        """Refresh the live line, at most once every `REFRESH_EVERY_S`."""
        if not self._line.shown or time.monotonic() - self._refreshed < REFRESH_EVERY_S:
            return
        self._refreshed = time.monotonic()
        under_way = scheduler.progress()
        now = [_training_text(row, record) for row, record in under_way[:SHOWN]]
        if len(under_way) > SHOWN:
            now.append(f"and {len(under_way) - SHOWN} more")
        self._line.show(f"{self._phase} {self._count()}{self._tail()} · {', '.join(now)}")

    def _count(self) -> str:
        return f"{self._done}/{self._expected}" if self._expected else str(self._done)

    def _tail(self) -> str:
        best = f" · best {metric_text(self._metric, self._best)}" if self._best is not None else ""
        return best + (f" · {seconds_text(max(self._left(), 0.0))} left" if self._left is not None else "")


def _training_text(row: Row, record: Mapping[str, float]) -> str:
    epoch = f" epoch {record['epoch']:g}" if "epoch" in record else ""
    return f"{row.strategy or row.baseline} #{row.run_number}{epoch}"
