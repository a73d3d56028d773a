"""A process that exits when its parent does, even after `kill -9`, together with all that it has started."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait


def exit_with_parent() -> None:
    """Exit, with the whole process group, when the parent is gone. Starts a thread: fork before this call, not after."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()
    if sys.platform == "linux":
        _exit_by_signal(parent.sentinel)


def _watch(sentinel: int) -> None:
    wait([sentinel])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _exit_by_signal(sentinel: int) -> None:
    """Have the kernel send SIGIO, which kills, when the pipe closes: C code that holds the GIL would block the thread."""
    import fcntl

    fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
