"""The training loop, which calls a step function without knowing what a step does.

It owns the epochs, the validation, the best weights, the checkpoints and the clock, both for a single network and for a supernet
whose step has two optimizers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from archwright.data.problem import as_score
from archwright.ops.carried_state import begin_stream
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.averaged_sgd import Averaging, NoAveraging
from archwright.train.batches import Batches
from archwright.train.checkpoint import load_checkpoint, save_checkpoint
from archwright.train.failure import Diverged, TimedOut
from archwright.train.random_state import random_state, restore_random_state

CHECK_LOSS_EVERY = 10
"""Steps between two checks of the loss, each of which waits for the device."""

Record = dict[str, float]


class Step(Protocol):
    """One optimisation step, and everything it changes."""

    @property
    def saved(self) -> Mapping[str, Any]:
        """Everything that has a state (`state_dict`, `load_state_dict`), by name."""

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        """Train on a batch, `done` being the share of steps done so far; returns loss () and output (B, outputs), detached."""

    def record(self) -> Mapping[str, float]:
        """The step's entries in the record of an epoch, such as the learning rate."""


@dataclass(frozen=True)
class Training:
    """What is trained, on which data, and how it is validated.

    `network`: its weights of the best epoch are kept. `validate`: returns the metrics on the validation split; `monitor` names the
    one that decides. `train_metric`: the same metric from an epoch's outputs and targets; `kept` reduces each output to what it
    needs. `averaging`: of the weights that are validated and kept. `epochs` may be fractional. `process_group`: the processes that
    train together, each on its part of the batches; all see the same records and end at the same step, and rank 0 writes.
    `until`: the epoch after which it ends early; if that is a whole number, a longer training can continue from its checkpoint.
    `patience`: epochs without improvement before it stops, 0 is never. `ended`: called before each epoch; whether the step has
    ended the training. `time_limit`: seconds, over all resumes.
    """

    step: Step
    network: nn.Module
    batches: Batches
    validate: Callable[[], Mapping[str, float]]
    monitor: str
    train_metric: Callable[[Tensor, Tensor], float]
    epochs: float
    until: float | None = None
    patience: int = 0
    ended: Callable[[], bool] = lambda: False
    checkpoint: Path | None = None
    time_limit: float | None = None
    kept: Callable[[Tensor, Tensor], Tensor] = lambda output, target: output
    averaging: Averaging = field(default_factory=NoAveraging)
    process_group: ProcessGroup = SINGLE_PROCESS

    @property
    def steps(self) -> int:
        """The number of steps in `epochs`, at least one."""
        return max(1, round(self.epochs * self.batches.per_epoch))

    @property
    def last_step(self) -> int:
        """The step after which the training ends."""
        return self.steps if self.until is None else min(self.steps, max(1, round(self.until * self.batches.per_epoch)))


@dataclass
class Progress:
    """The progress of a training. `seconds` includes the time before interruptions.

    `before`: the part of `seconds` that belongs to the shorter trainings that it continues.
    """

    step: int = 0
    seconds: float = 0.0
    before: float = 0.0
    curve: list[Record] = field(default_factory=list)
    best: Record = field(default_factory=dict)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def epochs(self) -> float:
        return self.curve[-1]["epoch"] if self.curve else 0.0

    def stale(self, patience: int) -> bool:
        """Whether the best epoch was `patience` epochs ago."""
        return bool(patience and self.best and self.epochs - self.best["epoch"] >= patience)


def run_training(training: Training, on_epoch: Callable[[Record], None] | None = None, *, seconds: float = 0.0) -> Progress:
    """Train to the end, resuming from the checkpoint if there is one; each epoch's record is passed to `on_epoch`.

    `seconds`: time already spent on this training. Raises Diverged, TimedOut, and whatever the step raises.
    """
    progress = _resume(training) or Progress(seconds=seconds)
    clock = _Clock(progress.seconds, training.time_limit)
    while progress.step < training.last_step and not progress.stale(training.patience) and not training.ended():
        trained = _epoch(training, progress, clock)
        with training.averaging.applied():
            record = {**trained, **_validate(training, trained["epoch"]), **training.step.record(), "seconds": clock.seconds()}
            record = training.process_group.broadcast(record)
            progress.seconds = record["seconds"]
            _keep(training, progress, record)
        training.averaging.validated(record["val_loss"])
        if training.checkpoint is not None:
            _save(training, progress, training.checkpoint)
        if on_epoch is not None:
            on_epoch(record)
    return progress


def _epoch(training: Training, progress: Progress, clock: _Clock) -> Record:
    """Train one epoch, or what is left of the last; carried states are reset, so that resuming from its end is exact."""
    per_epoch, steps, last_step = training.batches.per_epoch, training.steps, training.last_step
    losses, outputs, targets = [], [], []
    training.network.train()
    begin_stream(training.network)
    for x, y in training.batches.epoch(progress.step // per_epoch):
        loss, output = training.step(x, y, (progress.step + 0.5) / steps)
        progress.step += 1
        losses.append(loss)
        outputs.append(training.kept(output, y))
        targets.append(y)
        clock.check()
        if progress.step % CHECK_LOSS_EVERY == 0:
            _check_finite(loss, progress.step / per_epoch)
        if progress.step == last_step:
            break
    epoch = progress.step / per_epoch
    loss = torch.stack(losses).mean()
    training.process_group.average([loss])
    train_loss = _check_finite(loss, epoch)
    output, target = (training.process_group.all_gather(torch.cat(rows)) for rows in (outputs, targets))
    train_metric = training.train_metric(output.float(), target)
    return {"epoch": epoch, "train_loss": train_loss, "train_metric": train_metric}


def _validate(training: Training, epoch: float) -> Record:
    validated = training.validate()
    _check_finite(torch.tensor(list(validated.values())).sum(), epoch, "validation loss")
    return {f"val_{name}": value for name, value in validated.items()}


def _keep(training: Training, progress: Progress, record: Record) -> None:
    """Append the record to the curve, and keep the weights if it is the best."""
    progress.curve.append(record)
    if not progress.best or _score(training, record) > _score(training, progress.best):
        progress.best = record
        progress.best_weights = {name: tensor.detach().clone() for name, tensor in training.network.state_dict().items()}


def _score(training: Training, record: Record) -> float:
    return as_score(training.monitor, record[f"val_{training.monitor}"])


def _save(training: Training, progress: Progress, file: Path) -> None:
    """Write a checkpoint. If the disk is full, only the checkpoint is lost, not the training."""
    states = training.process_group.all_gather_object(random_state())
    if not training.process_group.is_rank_zero:
        return
    parts = {name: part.state_dict() for name, part in training.step.saved.items()}
    try:
        save_checkpoint({"progress": vars(progress), "parts": parts, "random": states}, file)
    except OSError as error:
        note = (
            f"checkpoints could not be written ({error.strerror or error}); an interrupted training would have started from scratch"
        )
        if note not in progress.notes:
            progress.notes.append(note)


def _resume(training: Training) -> Progress | None:
    state = load_checkpoint(training.checkpoint) if training.checkpoint is not None else None
    if state is None:
        return None
    for name, part in training.step.saved.items():
        part.load_state_dict(state["parts"][name])
    if len(state["random"]) == training.process_group.size:  # else the number of processes has changed
        restore_random_state(state["random"][training.process_group.rank])
    return Progress(**state["progress"])


def _check_finite(value: Tensor, epoch: float, what: str = "training loss") -> float:
    number = float(value)
    if not math.isfinite(number):
        raise Diverged(f"{what} was {number} in epoch {math.ceil(epoch)}")
    return number


class _Clock:
    """Measures the seconds of a training, including those before it was resumed."""

    def __init__(self, before: float, limit: float | None) -> None:
        self.start, self.limit = time.perf_counter() - before, limit

    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def check(self) -> None:
        if self.limit is not None and self.seconds() > self.limit:
            raise TimedOut(f"timed out after {self.limit:g} s")
