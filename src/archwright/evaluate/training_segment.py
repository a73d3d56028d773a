"""A training in segments: one goes on where a shorter one has ended, and checkpoints are kept for as long as one may."""

from __future__ import annotations

import json
from pathlib import Path

from archwright.atomic_file import written_atomically
from archwright.evaluate.full_training import CHECKPOINT
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.training_schedule import PLAN
from archwright.train.checkpoint import load_checkpoint, save_checkpoint


def take_over(job: Job) -> None:
    """Copy the checkpoint and the schedule of the training that `job` continues into its folder, unless it has begun before.

    With the same schedule, seed and learning rates the end is that of a training without a break. Where the checkpoint is gone the
    training has to begin anew, and where the schedule is gone, too, it makes its own. Raises OSError where the copy cannot be
    written.
    """
    folder = Path(job.folder)
    if job.continues is None or (folder / CHECKPOINT).is_file():
        return
    earlier = Path(job.continues)
    state = load_checkpoint(earlier / CHECKPOINT)
    _copy_plan(earlier / PLAN, folder / PLAN, anew=state is None)
    if state is not None:
        state["progress"]["before"] = state["progress"]["seconds"]
        save_checkpoint(state, folder / CHECKPOINT)


def _copy_plan(earlier: Path, schedule: Path, anew: bool) -> None:
    """A training that begins anew does not pay a second time for what the schedule has cost."""
    if not earlier.is_file():
        return
    content = json.loads(earlier.read_text(encoding="utf-8"))
    with written_atomically(schedule) as unfinished:
        unfinished.write_text(json.dumps({**content, "seconds": 0.0} if anew else content), encoding="utf-8")


def forget_checkpoints(job: Job, outcome: Outcome) -> None:
    """Delete what no training will go on from once this outcome is on disk: of a longer one, the shorter one's checkpoint too."""
    if job.share >= 1 or outcome.state != "complete":
        (Path(job.folder) / CHECKPOINT).unlink(missing_ok=True)
    if job.continues is not None:
        (Path(job.continues) / CHECKPOINT).unlink(missing_ok=True)
