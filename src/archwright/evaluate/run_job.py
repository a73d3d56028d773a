"""Run one job: whatever happens in the training becomes an outcome, which is on disk before it is returned."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from archwright.atomic_file import written_atomically
from archwright.data.problem_folder import open_problem
from archwright.evaluate.classical_model import train_classical
from archwright.evaluate.full_training import CHECKPOINT, train_network
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.training_segment import forget_checkpoints, take_over
from archwright.network.baselines import CLASSICAL
from archwright.plugins import find
from archwright.process_group import own_rank
from archwright.train.checkpoint import load_checkpoint
from archwright.train.failure import cause_of, is_machine_fault, is_out_of_memory

RESULT = "result.json"
SHARED_WEIGHTS = {
    "supernet": "archwright.one_shot.supernet.supernet_training:train_supernet",
    "shared_scores": "archwright.one_shot.supernet.supernet_training:score_architectures",
}
"""Stages implemented in a package that must not be imported here: loaded by name when such a job is run."""


def run_job(job: Job, on_epoch: Callable[[Mapping[str, Any]], None] | None = None) -> Outcome:
    """Run the job, or read its result if it is finished; an interrupted one is resumed from its last epoch.

    An error in the training is returned as the outcome's cause, never raised. `result.json` is in the job's folder when this
    returns, except after a machine fault, which is worth another attempt. `on_epoch` gets each epoch's record.

    If several processes train together, each calls this and rank 0 writes the result, unless it failed: its failure may have been
    caused by another process, which only their supervisor can tell.
    """
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    known = read_result(folder)
    if known is not None:
        return known
    torch.set_num_threads(job.threads)
    outcome = replace(_attempt(job, on_epoch), worker=f"{platform.node()}:{os.getpid()}")
    if not outcome.machine_fault and _is_written_here(job, outcome):
        outcome = _write_result(job, outcome, folder)
    return outcome


def read_result(folder: Path) -> Outcome | None:
    """The outcome that a finished job wrote into its folder; None if there is none."""
    file = folder / RESULT
    return Outcome.from_json(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def _attempt(job: Job, on_epoch: Callable[[Mapping[str, Any]], None] | None) -> Outcome:
    start = time.perf_counter()
    facts: dict[str, Any] = {}
    try:
        take_over(job)
        outcome: Outcome = _training_of(job)(job, open_problem(job.data), facts, on_epoch)
        return outcome
    except Exception as error:  # a training that fails is a result, never the end of a search
        facts |= _unfinished(Path(job.folder), facts, time.perf_counter() - start)
        fault = is_machine_fault(error) and not is_out_of_memory(error)
        return Outcome("failed", **{**facts, "cause": cause_of(error), "machine_fault": fault})


def _training_of(job: Job) -> Callable[..., Outcome]:
    """The function that runs the job: (job, data, facts, on_epoch) -> its outcome."""
    if job.stage in SHARED_WEIGHTS:
        return find(job.stage, SHARED_WEIGHTS, "archwright.stages", "stage")  # type: ignore[no-any-return]
    return train_classical if job.baseline in CLASSICAL else train_network


def _unfinished(folder: Path, facts: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The progress of a training that failed."""
    checkpoint = load_checkpoint(folder / CHECKPOINT)
    if checkpoint is None or "curve" in facts:
        return {"seconds": max(seconds, facts.get("seconds", 0.0))}
    curve = tuple(checkpoint["progress"]["curve"])
    own_seconds = checkpoint["progress"]["seconds"] - checkpoint["progress"].get("before", 0.0)
    return {"curve": curve, "epochs": curve[-1]["epoch"], "seconds": max(seconds, own_seconds)}


def _is_written_here(job: Job, outcome: Outcome) -> bool:
    return job.devices == 1 or (own_rank() == 0 and outcome.state != "failed")


def _write_result(job: Job, outcome: Outcome, folder: Path) -> Outcome:
    """Write the result, and only then delete what a resumed training would need."""
    try:
        with written_atomically(folder / RESULT) as unfinished:
            unfinished.write_text(json.dumps(outcome.to_json(), allow_nan=False), encoding="utf-8")
    except OSError as error:
        return replace(outcome, state="failed", cause=f"the result could not be written: {error}", machine_fault=True)
    forget_checkpoints(job, outcome)
    return outcome
