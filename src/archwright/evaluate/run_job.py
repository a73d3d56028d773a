"""Run one job: whatever happens in its training becomes an outcome, which is on disk before it is returned."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.evaluate.job import CHECKPOINT, TRAIN, Job, Outcome, log_of, result_of, written_outcome
from archwright.evaluate.training_segment import forget_checkpoints
from archwright.plugins import find
from archwright.process_group import own_rank
from archwright.train.checkpoint import load_checkpoint
from archwright.train.failure import cause_of, is_machine_fault, is_out_of_memory

OnEpoch = Callable[[Mapping[str, Any]], None]


class TrainingReport:
    """What a training reports while it runs: each epoch's record, by calling this, and `facts`, which are kept if it fails."""

    def __init__(self, on_epoch: OnEpoch | None) -> None:
        self.facts: dict[str, Any] = {}
        self._on_epoch = on_epoch

    def __call__(self, record: Mapping[str, Any]) -> None:
        if self._on_epoch is not None:
            self._on_epoch(record)


def run_job(job: Job, on_epoch: OnEpoch | None = None, run: str = TRAIN) -> Outcome:
    """Run the job, or read its result if it is finished. `run`: the `module:function` that trains, given the job and a report.

    An error in the training is returned as the outcome's cause, never raised; its traceback is in the job's log. The result is in
    the job's folder when this returns, except after a machine fault, which is worth another attempt. `on_epoch` gets each epoch's
    record.

    If several processes train together, each calls this and rank 0 writes the result, unless it failed: its failure may have been
    caused by another process, which only their supervisor can tell.
    """
    is_finished = result_of(job).is_file()
    outcome = _outcome_of(job, TrainingReport(on_epoch), run)
    if not (is_finished or outcome.machine_fault) and _is_written_here(job, outcome):
        outcome = _write_result(job, outcome)
    return outcome


def _outcome_of(job: Job, report: TrainingReport, run: str) -> Outcome:
    start = time.perf_counter()
    try:
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        outcome: Outcome = written_outcome(job) or find(run, {}, "", "run function")(job, report)
        json.dumps(outcome.to_json(), allow_nan=False)  # it is stored and sent as JSON
    except Exception as error:  # a training that fails is a result, never the end of a search
        with suppress(OSError), log_of(job).open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        facts = report.facts | _unfinished(job, report.facts, time.perf_counter() - start)
        fault = is_machine_fault(error) and not is_out_of_memory(error)
        return Outcome("failed", **{**facts, "cause": cause_of(error), "machine_fault": fault})
    return outcome


def _unfinished(job: Job, facts: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The progress of a training that failed."""
    checkpoint = load_checkpoint(Path(job.folder) / CHECKPOINT)
    if checkpoint is None or "curve" in facts:
        return {"seconds": max(seconds, facts.get("seconds", 0.0))}
    curve = tuple(checkpoint["progress"]["curve"])
    own_seconds = checkpoint["progress"]["seconds"] - checkpoint["progress"].get("before", 0.0)
    return {"curve": curve, "epochs": curve[-1]["epoch"], "seconds": max(seconds, own_seconds)}


def _is_written_here(job: Job, outcome: Outcome) -> bool:
    return job.devices == 1 or (own_rank() == 0 and outcome.state != "failed")


def _write_result(job: Job, outcome: Outcome) -> Outcome:
    """Write the result, and only then delete what a resumed training would need."""
    try:
        with written_atomically(result_of(job)) as unfinished:
            unfinished.write_text(json.dumps(outcome.to_json(), allow_nan=False), encoding="utf-8")
    except OSError as error:
        return replace(outcome, state="failed", cause=f"the result could not be written: {error}", machine_fault=True)
    forget_checkpoints(job, outcome)
    return outcome
