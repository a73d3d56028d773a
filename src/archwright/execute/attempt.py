"""One attempt at a job: whatever goes wrong in it becomes an outcome with a cause."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archwright.evaluate.job import Job, Outcome
from archwright.plugins import find

RUN_JOB = "archwright.evaluate.run_job:run_job"
RESULT = "result.json"
OnEpoch = Callable[[Mapping[str, Any]], None]


def attempt(run: str, job: Job, on_epoch: OnEpoch) -> Outcome:
    """The outcome of `run` (`module:function`) on the job; an exception is a failure, and its traceback goes to log.txt."""
    start = time.monotonic()
    try:
        function: Callable[[Job, OnEpoch], Outcome] = find(run, {}, "", "run function")
        outcome = function(job, on_epoch)
        json.dumps(outcome.to_json())  # it is sent as JSON
    except Exception as error:
        with log_of(job).open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        from archwright.train.failure import cause_of, is_machine_fault  # heavy: torch

        return Outcome("failed", cause=cause_of(error), machine_fault=is_machine_fault(error), seconds=time.monotonic() - start)
    return outcome


def log_of(job: Job) -> Path:
    """Where the training's output goes: log.txt in the job's folder, which is created if need be."""
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    return Path(job.folder) / "log.txt"


def written_outcome(job: Job) -> Outcome | None:
    """A finished result whose process died before it could send it; None if there is none."""
    try:
        return Outcome.from_json(json.loads((Path(job.folder) / RESULT).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
