"""Where training processes come from: Python's fork server with torch loaded once, so that each starts in milliseconds."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext

PRELOADED = ["torch", "lightning_fabric", "kornia.augmentation", "archwright.evaluate.run", "archwright.execute.in_child"]


def start_context() -> ForkServerContext | SpawnContext:
    """The server's context, the server running (not waited for); fresh interpreters where there is no fork."""
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
