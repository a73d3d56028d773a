"""The progress of a benchmark: a live line on a terminal, otherwise one line per finished strategy."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console

from archwright.formatting import seconds_text
from archwright.study.live_line import LiveLine

UPDATE_INTERVAL_S = 0.2


class BenchmarkProgress:
    """Shows how many searches are done and the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self._line = LiveLine(console)
        self._begun = self._updated = time.monotonic()
        self._total = self._done = 0

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print one permanent line."""
        self._line.say(text)

    def begin(self, searches: int) -> None:
        """Start counting: this many searches are to be done."""
        self._total, self._done, self._begun = searches, 0, time.monotonic()

    def done(self, strategy: str) -> None:
        """Count one more finished search."""
        self._done += 1
        now = time.monotonic()
        if self._line.shown and now - self._updated > UPDATE_INTERVAL_S:
            left = (now - self._begun) / self._done * (self._total - self._done)
            self._updated = now
            self._line.show(f"{self._done}/{self._total} searches · {seconds_text(left)} left · {strategy}")
