"""What is decided before a training begins, by rule or by measurement, and stored for resuming it."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from archwright.atomic_file import written_atomically
from archwright.data.splits import ProblemData
from archwright.evaluate.job import SCHEDULE, Job
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.augmentation import Augment, augmentation_names, make_augmentation
from archwright.train.batches import Batches, Rows
from archwright.train.precision import (
    TrainingPrecision,
    choose_precision,
    precision_options,
    time_steps,
    untouched_randomness,
)
from archwright.train.recipe import Recipe
from archwright.train.supervised_step import SupervisedStep

S = TypeVar("S")
FAR_TOO_SLOW = 4
"""If the first step exceeds the limit by this factor, no second one is timed; a first step takes up to twice as long as others."""
TIMED_SAMPLES = 64
"""Validation is timed on a batch of this size: a large one would cost as much as several training steps."""
WHOLE_FROM = 4
"""Fewer epochs than this may be fractional: rounding 1.9 down to 1 would waste half of a short training's time."""


@dataclass(frozen=True)
class TrainingSchedule:
    """`precision` as text; `epochs` that fit; `seconds_per_epoch` if measured; `seconds` that the measurements took."""

    precision: str
    epochs: float
    seconds_per_epoch: float | None = None
    seconds: float = 0.0


def make_schedule(
    job: Job,
    recipe: Recipe,
    network: nn.Module,
    data: ProblemData,
    device: torch.device,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> TrainingSchedule:
    """The training's schedule; the network and the random states are not changed."""
    return decided_once(TrainingSchedule, job, process_group, lambda: _decide(job, recipe, network, data, device, process_group))


def decided_once(schedule: type[S], job: Job, process_group: ProcessGroup, decide: Callable[[], S]) -> S:
    """The schedule (a dataclass) in the job's folder, or else what `decide` returns, which is stored there.

    A process group measures together, as it will train, and uses the schedule of rank 0.
    """
    file = Path(job.folder) / SCHEDULE
    if process_group.broadcast(file.is_file()):
        return schedule(**json.loads(file.read_text(encoding="utf-8")))
    decided = process_group.broadcast(decide())
    if process_group.is_rank_zero:
        with written_atomically(file) as unfinished:
            unfinished.write_text(json.dumps(vars(decided)), encoding="utf-8")
    return decided


def make_batches(
    job: Job,
    recipe: Recipe,
    data: ProblemData,
    device: torch.device,
    precision: TrainingPrecision,
    epochs: float,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> Batches:
    """The batches of the training split that the recipe specifies for a training of `epochs`."""
    rows = Rows(data.train, data.problem, data.preprocessing, device, precision.channels_last)
    return Batches(
        rows, recipe.batch_size, job.seed, training_augmentation(recipe, rows, data, epochs), process_group=process_group
    )


def training_augmentation(recipe: Recipe, rows: Rows, data: ProblemData, epochs: float) -> Augment:
    """The augmentation that the recipe specifies for batches of the training split's `rows` in a training of `epochs`."""
    names = augmentation_names(recipe.augmentation, data.problem, epochs)
    black = torch.zeros(data.problem.input_shape[0], *(1,) * data.problem.dimensions, device=rows.device)
    border = (
        rows.normalise(black) if data.train.x.dtype.kind == "u" else black
    )  # byte images are padded with black, other data with their mean
    return make_augmentation(names, data.problem.input_shape, border)


def epochs_that_fit(job: Job, seconds_per_epoch: float, spent: float) -> float:
    """The epochs that fit into the job's `time_goal`, between `least_epochs` and `epochs`; a whole number if four or more fit."""
    if job.time_goal is None:
        return job.epochs
    fitting = max(0.0, job.time_goal - spent) / seconds_per_epoch
    fitting = math.floor(fitting) if fitting >= WHOLE_FROM else math.floor(100 * fitting) / 100
    return min(job.epochs, max(job.least_epochs, fitting))


def last_epoch(epochs: float, share: float) -> float:
    """The epoch at which a training of a share of its epochs ends: a whole number of at least one, so that it can be continued."""
    return epochs if share >= 1 else min(epochs, max(1.0, float(round(share * epochs))))


def _decide(
    job: Job, recipe: Recipe, network: nn.Module, data: ProblemData, device: torch.device, process_group: ProcessGroup
) -> TrainingSchedule:
    start = time.perf_counter()
    must_be_timed = job.stage == "probe" or job.time_goal is not None or job.epoch_seconds_limit is not None
    shape = data.problem.input_shape
    if recipe.precision == "measure":
        options = precision_options(shape, device)
    else:
        options = [choose_precision(recipe.precision, network, shape, device)]
    if not must_be_timed and len(options) == 1:
        return TrainingSchedule(str(options[0]), job.epochs)
    with untouched_randomness():
        seconds = {option: _training_seconds(job, recipe, network, data, device, option, process_group) for option in options}
        fastest = min(options, key=lambda option: seconds[option])
        epoch_seconds = _epoch_seconds(seconds[fastest], network, data, device, fastest, process_group)
    spent = time.perf_counter() - start
    return TrainingSchedule(str(fastest), epochs_that_fit(job, epoch_seconds, spent), epoch_seconds, spent)


def _training_seconds(
    job: Job,
    recipe: Recipe,
    network: nn.Module,
    data: ProblemData,
    device: torch.device,
    precision: TrainingPrecision,
    process_group: ProcessGroup,
) -> float:
    """Estimated seconds for the training steps of an epoch, from a few real steps on a copy of the network."""
    step = SupervisedStep(copy.deepcopy(network), data.problem, recipe, device, precision, process_group)
    batches = make_batches(job, recipe, data, device, precision, job.epochs, process_group)
    endless = (batch for number in range(1000) for batch in batches.epoch(number))
    hopeless = FAR_TOO_SLOW * (job.epoch_seconds_limit or math.inf) / batches.per_epoch
    return time_steps(lambda: step(*next(endless), 0.5), device, hopeless, process_group) * batches.per_epoch


def _epoch_seconds(
    training_seconds: float,
    network: nn.Module,
    data: ProblemData,
    device: torch.device,
    precision: TrainingPrecision,
    process_group: ProcessGroup,
) -> float:
    """Estimated seconds per epoch including validation, whose batches are timed on a copy of the network."""
    shadow = copy.deepcopy(network).to(device).eval()
    rows = Rows(data.val, data.problem, data.preprocessing, device, precision.channels_last)
    x = next(rows.in_order())[0][:TIMED_SAMPLES]
    with torch.inference_mode():
        validating = time_steps(lambda: shadow(x), device, process_group=process_group)
    own = len(rows) / process_group.size if rows.divides(process_group) else len(rows)
    return training_seconds + validating * own / len(x)
