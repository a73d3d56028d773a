"""What happens inside a training process: it cuts itself loose from the terminal, does its job, and dies with its coordinator."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TextIO

from archwright.evaluate.job import Job
from archwright.execute.attempt import attempt, log_of
from archwright.execute.main_module import unpack_main


@dataclass(frozen=True)
class Order:
    """All that a training process is told. `job`: as JSON text. `visible`: its GPU, as CUDA_VISIBLE_DEVICES wants it."""

    job: str
    run: str
    visible: str | None
    main: bytes


def carry_out(order: Order, pipe: Connection) -> None:
    """Do the job, sending {"epoch": record} after each epoch and {"outcome": ...} at the end, as JSON."""
    job = Job.from_json(json.loads(order.job))
    _leave_the_terminal()
    _write_to_log(job)
    _die_with_the_coordinator()
    if order.visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = order.visible
    _limit_threads(job.threads)
    unpack_main(order.main)
    outcome = attempt(order.run, job, lambda record: _send(pipe, "epoch", dict(record)))
    sys.stdout.flush()
    _send(pipe, "outcome", outcome.to_json())


def _send(pipe: Connection, kind: str, content: dict[str, object]) -> None:
    pipe.send_bytes(json.dumps({kind: content}).encode())


def _leave_the_terminal() -> None:
    """Ctrl-C reaches the coordinator alone, and this process leads a group that can be ended as one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    multiprocessing.current_process().daemon = False  # a training may have helpers of its own
    if hasattr(os, "setsid"):
        os.setsid()


def _write_to_log(job: Job) -> None:
    """Everything printed, by C code and crashes too, goes to log.txt."""
    log = os.open(log_of(job), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    sys.stdout, sys.stderr = _writer_to(1), _writer_to(2)
    faulthandler.enable()


def _writer_to(descriptor: int) -> TextIO:
    """Each line is written at once: a killed process leaves a log that is complete."""
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _die_with_the_coordinator() -> None:
    """End this process, and all it started, when the coordinator is gone, even by `kill -9`."""
    coordinator = multiprocessing.parent_process()
    if coordinator is None:
        return
    threading.Thread(target=_watch, args=(coordinator.sentinel,), daemon=True).start()
    if sys.platform == "linux":
        _end_by_signal(coordinator.sentinel)


def _watch(sentinel: int) -> None:
    wait([sentinel])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _end_by_signal(sentinel: int) -> None:
    """Have the kernel send SIGIO, which ends a process, when the pipe closes: C code that holds the GIL would stop the thread."""
    import fcntl

    fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)


def _limit_threads(threads: int) -> None:
    """For this process and for those it starts."""
    import torch

    torch.set_num_threads(threads)
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
