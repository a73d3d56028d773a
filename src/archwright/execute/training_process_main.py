"""What happens inside a training process: it detaches from the terminal, runs its job, and exits with its coordinator."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TextIO

from archwright.evaluate.job import Job, Outcome, log_of
from archwright.execute.ddp_processes import DDPProcesses
from archwright.execute.exit_with_parent import exit_with_parent
from archwright.execute.main_module import unpack_main
from archwright.execute.messages import send
from archwright.execute.threads import limit_threads


@dataclass(frozen=True)
class Order:
    """All that a training process is told. `job`: as JSON text. `visible`: its GPUs, for CUDA_VISIBLE_DEVICES."""

    job: str
    run: str
    visible: str | None
    main: bytes


def carry_out(order: Order, pipe: Connection) -> None:
    """Run the job, here or in several child processes, and report each epoch and the outcome."""
    job = Job.from_json(json.loads(order.job))
    _detach_from_terminal()
    _write_to_log(job)
    if order.visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = order.visible
    processes = DDPProcesses(order.run, job, order.main) if job.devices > 1 else None
    exit_with_parent()
    outcome = _alone(order, job, pipe) if processes is None else processes.outcome(lambda record: send(pipe, "epoch", record))
    sys.stdout.flush()
    send(pipe, "outcome", outcome.to_json())


def _alone(order: Order, job: Job, pipe: Connection) -> Outcome:
    limit_threads(job.threads)
    unpack_main(order.main)
    from archwright.evaluate.run_job import run_job  # torch

    return run_job(job, lambda record: send(pipe, "epoch", record), order.run)


def _detach_from_terminal() -> None:
    """Ctrl-C reaches only the coordinator, and this process leads a process group that can be killed as one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    multiprocessing.current_process().daemon = False  # a training may have child processes
    if hasattr(os, "setsid"):
        os.setsid()


def _write_to_log(job: Job) -> None:
    """Everything printed, also by C code and crashes, goes to log.txt."""
    log = os.open(log_of(job), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    sys.stdout, sys.stderr = _writer_to(1), _writer_to(2)
    faulthandler.enable()


def _writer_to(descriptor: int) -> TextIO:
    """Line-buffered: a killed process leaves a complete log."""
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
