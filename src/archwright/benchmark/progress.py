"""What a benchmark says while it works: a live line on a terminal, a quiet line a finished strategy in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console

from archwright.formatting import seconds_text
from archwright.study.live_line import LiveLine

LOOK_EVERY_S = 0.2


class BenchmarkProgress:
    """Tells how many searches are done, and the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self._line = LiveLine(console)
        self._begun = self._looked = time.monotonic()
        self._of = self._done = 0

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """One line that stays."""
        self._line.say(text)

    def begin(self, searches: int) -> None:
        """So many searches are to be made."""
        self._of, self._done, self._begun = searches, 0, time.monotonic()

    def done(self, strategy: str) -> None:
        """One more is."""
        self._done += 1
        now = time.monotonic()
        if self._line.shown and now - self._looked > LOOK_EVERY_S:
            left = (now - self._begun) / self._done * (self._of - self._done)
            self._looked = now
            self._line.show(f"{self._done}/{self._of} searches · {seconds_text(left)} left · {strategy}")
