"""Ctrl-C and SIGTERM end a command in order: what is being written is written first. A second signal ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal ended the command. It is no KeyboardInterrupt: typer takes that one for its own, and SIGTERM goes the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """What shells give to a process that a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal

    def __str__(self) -> str:
        return "interrupted" if self.signal == signal.SIGINT else f"ended by {self.signal.name}"


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first signal raises Interrupted, and the next one ends the process. A signal that is ignored stays so."""
    with _handled(_interrupt, [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that comes inside is heeded at the end. For what takes milliseconds, such as one write to a database."""
    if current_thread() is not main_thread():  # signals are the main thread's
        yield
        return
    came: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        came.append(number)
        _end_at_the_next()

    try:
        with _handled(wait, [number for number in SIGNALS if callable(signal.getsignal(number))]):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    _end_at_the_next()
    raise Interrupted(number)


def _end_at_the_next() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], numbers: list[signal.Signals]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
