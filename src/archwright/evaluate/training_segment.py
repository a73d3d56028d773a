"""Training in segments: a training continues where a shorter one ended, and checkpoints are kept as long as that is possible."""

from __future__ import annotations

import json
from pathlib import Path

from archwright.atomic_file import written_atomically
from archwright.evaluate.job import CHECKPOINT, SCHEDULE, Job, Outcome
from archwright.train.checkpoint import load_checkpoint, save_checkpoint


def take_over(job: Job) -> None:
    """Copy the checkpoint and the schedule of the training that `job` continues into its folder, unless it has already begun.

    With the same schedule, seed and learning rates the result equals that of an uninterrupted training. If the checkpoint is gone,
    the training starts from scratch, and if the schedule is gone, too, it makes a new one. Raises OSError if the copy cannot be
    written.
    """
    folder = Path(job.folder)
    if job.continues is None or (folder / CHECKPOINT).is_file():
        return
    earlier = Path(job.continues)
    state = load_checkpoint(earlier / CHECKPOINT)
    _copy_schedule(earlier / SCHEDULE, folder / SCHEDULE, from_scratch=state is None)
    if state is not None:
        state["progress"]["before"] = state["progress"]["seconds"]
        save_checkpoint(state, folder / CHECKPOINT)


def _copy_schedule(earlier: Path, schedule: Path, from_scratch: bool) -> None:
    """The cost of making the schedule is not charged again to a training that starts from scratch."""
    if not earlier.is_file():
        return
    content = json.loads(earlier.read_text(encoding="utf-8"))
    with written_atomically(schedule) as unfinished:
        unfinished.write_text(json.dumps({**content, "seconds": 0.0} if from_scratch else content), encoding="utf-8")


def forget_checkpoints(job: Job, outcome: Outcome) -> None:
    """Delete checkpoints that are not needed once this outcome is on disk, including that of the training that it continued."""
    if job.share >= 1 or outcome.state != "complete":
        (Path(job.folder) / CHECKPOINT).unlink(missing_ok=True)
    if job.continues is not None:
        (Path(job.continues) / CHECKPOINT).unlink(missing_ok=True)
