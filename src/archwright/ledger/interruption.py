"""Ctrl-C and SIGTERM end a command cleanly: writes in progress are completed first. A second signal ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal ended the command. Not a KeyboardInterrupt, which typer handles itself; SIGTERM is treated in the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells report for a process ended by a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal

    def __str__(self) -> str:
        return "interrupted" if self.signal == signal.SIGINT else f"ended by {self.signal.name}"


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first signal raises Interrupted and the next one ends the process. Ignored signals stay ignored."""
    with _signal_handler(_interrupt, [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer signals to the end of the block. For what takes milliseconds, such as one write to a database."""
    if current_thread() is not main_thread():  # only the main thread receives signals
        yield
        return
    received: list[int] = []

    def defer(number: int, _: FrameType | None) -> None:
        received.append(number)
        _restore_default_handlers()

    try:
        with _signal_handler(defer, [number for number in SIGNALS if callable(signal.getsignal(number))]):
            yield
    finally:
        if received:
            signal.raise_signal(received[0])


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    _restore_default_handlers()
    raise Interrupted(number)


def _restore_default_handlers() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _signal_handler(handler: Callable[[int, FrameType | None], None], numbers: list[signal.Signals]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
