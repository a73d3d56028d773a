"""Where training processes come from: Python's fork server with torch loaded once, so that each starts in milliseconds."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

from archwright.execute.main_module import main_left_alone

PRELOADED = [
    "torch",
    "lightning_fabric",
    "kornia.augmentation",
    "archwright.evaluate.train_job",
    "archwright.execute.training_process_main",
]

PAUSES_SECONDS = (0.1, 1.0)
"""Between attempts to start a process: a killed server takes a moment to disappear, and only then a new one is started."""


def start_process(target: Callable[[Any, Connection], None], order: Any, name: str) -> tuple[BaseProcess, Connection]:
    """A new process that runs `target(order, pipe)`, and our end of the pipe. Raises OSError or EOFError if that fails."""
    for pause in PAUSES_SECONDS:
        try:
            return _start_once(target, order, name)
        except (OSError, EOFError):
            time.sleep(pause)
    return _start_once(target, order, name)


def _start_once(target: Callable[[Any, Connection], None], order: Any, name: str) -> tuple[BaseProcess, Connection]:
    context = start_context()
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(order, writer), name=name, daemon=True)
    with writer, main_left_alone():
        process.start()
    return process, reader


def start_context() -> ForkServerContext | SpawnContext:
    """The fork server's context, with the server started but not waited for; fresh interpreters on systems without fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # A signal mask is inherited: Ctrl-C is for the coordinator, not for the server or what it forks.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context
