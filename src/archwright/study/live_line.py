"""Where long work says how far it is: one line that changes on a terminal, and lines that stay."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status


class LiveLine:
    """A console's line; in a log there is none, only what is said."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Status | None = self._console.status("") if self._console.is_terminal else None

    @property
    def shown(self) -> bool:
        """Whether there is a line that changes."""
        return self._status is not None

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

    def show(self, text: str) -> None:
        """What the line is now."""
        if self._status is not None:
            self._status.update(text.replace("[", r"\["))
