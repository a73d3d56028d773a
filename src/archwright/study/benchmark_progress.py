"""What a benchmark says while it works: a live line on a terminal, a quiet line a finished strategy in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from archwright.study.quantities import seconds_text

LOOK_EVERY_S = 0.2


class BenchmarkProgress:
    """Tells how many searches are done, and the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Status | None = self._console.status("") if self._console.is_terminal else None
        self._begun = self._looked = time.monotonic()
        self._of = self._done = 0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, markup=False)

    def begin(self, searches: int) -> None:
        """So many searches are to be made."""
        self._of, self._done, self._begun = searches, 0, time.monotonic()

    def done(self, strategy: str) -> None:
        """One more is."""
        self._done += 1
        now = time.monotonic()
        if self._status is not None and now - self._looked > LOOK_EVERY_S:
            left = (now - self._begun) / self._done * (self._of - self._done)
            self._looked = now
            self._status.update(f"{self._done}/{self._of} searches · {seconds_text(left)} left · {strategy}".replace("[", r"\["))
