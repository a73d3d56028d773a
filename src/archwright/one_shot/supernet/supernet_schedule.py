"""The schedule of a one-shot search: epochs and evaluations, decided once before it starts and stored for a resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from statistics import mean

import torch
from torch import Tensor

from archwright.evaluate.job import Job
from archwright.evaluate.training_schedule import TIMED_SAMPLES, decided_once, epochs_that_fit
from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.supernet.search_context import Stopwatch
from archwright.one_shot.supernet.shared_weight_score import FixedGateSupernet
from archwright.one_shot.supernet.supernet_setup import SupernetSetup
from archwright.ops.global_batch_norm import global_statistics
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.precision import time_steps, untouched_randomness

TIMED_PATHS = 3
EVALUATION_SHARE = 0.25
"""The largest share of a time goal that is reserved for evaluations after the training."""


@dataclass(frozen=True)
class SupernetSchedule:
    """`epochs` of training, and `evaluations`, the architectures scored afterwards.

    `seconds_per_epoch`: None if it was not measured. `seconds`: how long making the schedule took.
    """

    epochs: float
    evaluations: int
    seconds_per_epoch: float | None = None
    seconds: float = 0.0


def make_supernet_schedule(
    job: Job, method: OneShotMethod, trial: Callable[[], SupernetSetup], process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSchedule:
    """The schedule stored in the job's folder, otherwise a new one, which is stored there. Random states are not changed.

    trial: makes the search to be timed, called only if the job has a `time_goal`.
    """

    def decide() -> SupernetSchedule:
        if job.time_goal is None:
            return SupernetSchedule(job.epochs, method.evaluations_after(job.epochs))
        with untouched_randomness():
            return _measured(job, job.time_goal, method, trial, process_group)

    return decided_once(SupernetSchedule, job, process_group, decide)


def _measured(
    job: Job, goal: float, method: OneShotMethod, trial: Callable[[], SupernetSetup], process_group: ProcessGroup
) -> SupernetSchedule:
    start = time.perf_counter()
    setup, seconds = trial(), partial(time_steps, process_group=process_group)
    workload = setup.search.workload()
    numbers = count()
    with global_statistics(setup.context.supernet.train(), process_group):
        step_seconds = seconds(lambda: workload.step(*setup.batches.batch(next(numbers))), setup.context.device)
        mixture_seconds = 0.0 if workload.mixture_gates is None else _scoring_seconds(setup, workload.mixture_gates, seconds)
        path_seconds = _path_seconds(setup, seconds)
        other_seconds = workload.other_seconds(seconds)
    epoch_seconds = step_seconds * setup.batches.per_epoch + mixture_seconds + path_seconds + other_seconds
    spent = process_group.slowest(time.perf_counter() - start)
    remaining = max(0.0, goal - spent)
    evaluations = method.evaluations_after(math.inf, EVALUATION_SHARE * remaining / path_seconds)
    conclusion_seconds = workload.mixture_scores * mixture_seconds + (workload.path_scores + evaluations) * path_seconds
    epochs = epochs_that_fit(job, epoch_seconds, spent + min(conclusion_seconds, EVALUATION_SHARE * remaining))
    return SupernetSchedule(epochs, evaluations, epoch_seconds, spent)


def _scoring_seconds(setup: SupernetSetup, gates: Tensor, seconds: Stopwatch) -> float:
    """The seconds of recalibration and validation under these gates, estimated from one small batch."""
    network = FixedGateSupernet(setup.context.supernet, gates).eval()
    x = next(setup.val.in_order())[0][:TIMED_SAMPLES]
    with torch.inference_mode():
        batch_seconds = seconds(lambda: network(x), setup.context.device)
    process_group = setup.context.process_group
    validated = len(setup.val) / process_group.size if setup.val.divides(process_group) else len(setup.val)
    return batch_seconds * (validated + sum(len(batch) for batch in setup.context.score.calibration)) / len(x)


def _path_seconds(setup: SupernetSetup, seconds: Stopwatch) -> float:
    """The seconds to score an architecture: a mean over several, as some have hardly any operations."""
    rng, context = Random(0), setup.context
    return mean(_scoring_seconds(setup, context.gates_of(context.space.sample(rng)), seconds) for _ in range(TIMED_PATHS))
