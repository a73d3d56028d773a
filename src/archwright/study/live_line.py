"""Progress output of long work: one status line that is updated in place on a terminal, and permanent lines."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status


class LiveLine:
    """The status line of a console; a log file has only the permanent lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Status | None = self._console.status("") if self._console.is_terminal else None

    @property
    def shown(self) -> bool:
        """Whether there is a status line."""
        return self._status is not None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Print one permanent line."""
        self._console.print(text, markup=False)

    def show(self, text: str) -> None:
        """Set the status line."""
        if self._status is not None:
            self._status.update(text.replace("[", r"\["))
