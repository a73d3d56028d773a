"""What is decided before a training begins, by rule or by a measurement, and kept for when it is resumed."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from archwright.atomic_file import written_atomically
from archwright.data.splits import ProblemData
from archwright.evaluate.job import Job
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

PLAN = "plan.json"
FAR_TOO_SLOW = 4
"""A first step so many times slower than the limit needs no second one; a first step is up to twice as slow as the others."""
TIMED_SAMPLES = 64
"""Validation is timed on a small batch: a large one would cost as much as several training steps."""
WHOLE_FROM = 4
"""Fewer epochs than this are divided: to cut 1.9 down to 1 would waste half of a short training's time."""


@dataclass(frozen=True)
class TrainingSchedule:
    """`precision` as text, `epochs` that fit, `seconds_per_epoch` where it was measured, `seconds` that deciding took."""

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
    """The schedule in the job's folder, else a new one, which is left there. The network and the random states are not touched.

    A process group measures together, as it will train, and has the first process's schedule.
    """
    file = Path(job.folder) / PLAN
    if process_group.broadcast(file.is_file()):
        return TrainingSchedule(**json.loads(file.read_text(encoding="utf-8")))
    schedule = process_group.broadcast(_decide(job, recipe, network, data, device, process_group))
    if process_group.is_rank_zero:
        with written_atomically(file) as unfinished:
            unfinished.write_text(json.dumps(asdict(schedule)), encoding="utf-8")
    return schedule


def make_batches(
    job: Job,
    recipe: Recipe,
    data: ProblemData,
    device: torch.device,
    precision: TrainingPrecision,
    epochs: float,
    process_group: ProcessGroup = SINGLE_PROCESS,
) -> Batches:
    """The training split's batches as the recipe wants them for a training of so many epochs."""
    rows = Rows(data.train, data.problem, data.preprocessing, device, precision.channels_last)
    return Batches(
        rows, recipe.batch_size, job.seed, training_augmentation(recipe, rows, data, epochs), process_group=process_group
    )


def training_augmentation(recipe: Recipe, rows: Rows, data: ProblemData, epochs: float) -> Augment:
    """What the recipe lets batches of the training split's `rows` undergo in a training of so many epochs."""
    names = augmentation_names(recipe.augmentation, data.problem, epochs)
    black = torch.zeros(data.problem.input_shape[0], *(1,) * data.problem.dimensions, device=rows.device)
    border = (
        rows.normalise(black) if data.train.x.dtype.kind == "u" else black
    )  # images of bytes lie on black, other data on their mean
    return make_augmentation(names, data.problem.input_shape, border)


def epochs_that_fit(job: Job, seconds_per_epoch: float, spent: float) -> float:
    """As many epochs as the job's `time_goal` has room for, whole ones from four on, between `least_epochs` and `epochs`."""
    if job.time_goal is None:
        return job.epochs
    fitting = max(0.0, job.time_goal - spent) / seconds_per_epoch
    fitting = math.floor(fitting) if fitting >= WHOLE_FROM else math.floor(100 * fitting) / 100
    return min(job.epochs, max(job.least_epochs, fitting))


def last_epoch(epochs: float, share: float) -> float:
    """Where a training ends that takes a share of its epochs: a part is whole epochs, at least one, so that it can be continued."""
    return epochs if share >= 1 else min(epochs, max(1.0, float(round(share * epochs))))


def _decide(
    job: Job, recipe: Recipe, network: nn.Module, data: ProblemData, device: torch.device, process_group: ProcessGroup
) -> TrainingSchedule:
    start = time.perf_counter()
    timed = job.stage == "probe" or job.time_goal is not None or job.epoch_seconds_limit is not None
    shape = data.problem.input_shape
    if recipe.precision == "measure":
        options = precision_options(shape, device)
    else:
        options = [choose_precision(recipe.precision, network, shape, device)]
    if not timed and len(options) == 1:
        return TrainingSchedule(str(options[0]), job.epochs)
    with untouched_randomness():
        training = {option: _training_seconds(job, recipe, network, data, device, option, process_group) for option in options}
        fastest = min(options, key=lambda option: training[option])
        epoch = _epoch_seconds(training[fastest], network, data, device, fastest, process_group)
    spent = time.perf_counter() - start
    return TrainingSchedule(str(fastest), epochs_that_fit(job, epoch, spent), epoch, spent)


def _training_seconds(
    job: Job,
    recipe: Recipe,
    network: nn.Module,
    data: ProblemData,
    device: torch.device,
    precision: TrainingPrecision,
    process_group: ProcessGroup,
) -> float:
    """An epoch's training steps, by some real ones on a copy of the network."""
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
    """With its validation, whose batches are timed on a copy of the network."""
    shadow = copy.deepcopy(network).to(device).eval()
    rows = Rows(data.val, data.problem, data.preprocessing, device, precision.channels_last)
    x = next(rows.in_order())[0][:TIMED_SAMPLES]
    with torch.inference_mode():
        validating = time_steps(lambda: shadow(x), device, process_group=process_group)
    own = len(rows) / process_group.size if rows.divides(process_group) else len(rows)
    return training_seconds + validating * own / len(x)
