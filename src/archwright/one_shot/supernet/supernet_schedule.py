"""The schedule of a one-shot search: epochs and evaluations, decided once before it starts and stored for a resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import mean
from typing import cast

import torch
from torch import Tensor

from archwright.atomic_file import written_atomically
from archwright.evaluate.job import Job
from archwright.evaluate.training_schedule import TIMED_SAMPLES, epochs_that_fit
from archwright.one_shot.controllers.controller_search import ControllerSearch
from archwright.one_shot.method import OneShotMethod, PathMethod, has_controller, learns_by_gradient
from archwright.one_shot.supernet.search_context import Search, SearchContext
from archwright.one_shot.supernet.shared_weight_score import FixedGateSupernet
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.batches import Batches, Rows
from archwright.train.precision import time_steps, untouched_randomness

TIMED_PATHS = 3
EVALUATION_SHARE = 0.25
"""The largest share of a time goal that is reserved for evaluations after the training."""
EVALUATIONS_PER_EPOCH, LEAST_EVALUATIONS = 20, 20
RESCORED = 20
"""How many snapshots are scored again at the end, at most."""


@dataclass(frozen=True)
class SupernetSchedule:
    """`epochs` of training, and `evaluations`, the architectures scored afterwards.

    `seconds_per_epoch`: None if it was not measured. `seconds`: how long making the schedule took.
    """

    epochs: float
    evaluations: int
    seconds_per_epoch: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class MeasuredSearch:
    """A search that is timed and then discarded, with what it is trained and validated on."""

    context: SearchContext
    search: Search
    batches: Batches
    val: Rows

    def seconds(self, step: Callable[[], object], device: torch.device | None = None) -> float:
        """The seconds that one step takes, by default on the search's device."""
        return time_steps(step, self.context.device if device is None else device, process_group=self.context.process_group)


def make_supernet_schedule(
    job: Job, method: OneShotMethod, measured: Callable[[], MeasuredSearch], process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSchedule:
    """The schedule stored in the job's folder, otherwise a new one, which is stored there. Random states are not changed.

    A process group is timed together, as it will train, and uses the first process's schedule. measured: makes the search to be
    timed, called only if the job has a `time_goal`.
    """
    file = Path(job.folder) / "plan.json"
    if process_group.broadcast(file.is_file()):
        return SupernetSchedule(**json.loads(file.read_text(encoding="utf-8")))
    if job.time_goal is None:
        schedule = SupernetSchedule(job.epochs, _evaluations(method, job.epochs))
    else:
        with untouched_randomness():
            schedule = process_group.broadcast(_measured(job, job.time_goal, method, measured, process_group))
    if process_group.is_rank_zero:
        with written_atomically(file) as unfinished:
            unfinished.write_text(json.dumps(asdict(schedule)), encoding="utf-8")
    return schedule


def _evaluations(method: OneShotMethod, epochs: float, most: float = math.inf) -> int:
    """As many as the method sets; otherwise 20 per epoch, at most as many as in the paper and as fit the time."""
    if learns_by_gradient(method) or has_controller(method):
        return 0
    path_method = cast(PathMethod, method)
    if path_method.evaluations is not None:
        return path_method.evaluations
    return max(LEAST_EVALUATIONS, int(min(path_method.published_evaluations, EVALUATIONS_PER_EPOCH * epochs, most)))


def _measured(
    job: Job, goal: float, method: OneShotMethod, make_trial: Callable[[], MeasuredSearch], process_group: ProcessGroup
) -> SupernetSchedule:
    start = time.perf_counter()
    measured = make_trial()
    step_seconds = _step_seconds(measured, method.warmup if learns_by_gradient(method) else 0.0)
    gates = measured.search.mixture_gates
    mixture_seconds = 0.0 if gates is None else _scoring_seconds(measured, gates)
    path_seconds = _path_seconds(measured)
    epoch_seconds = step_seconds * measured.batches.per_epoch + mixture_seconds + path_seconds + _controller_seconds(measured)
    spent = process_group.slowest(time.perf_counter() - start)
    remaining = max(0.0, goal - spent)
    evaluations = _evaluations(method, math.inf, EVALUATION_SHARE * remaining / path_seconds)
    conclusion_seconds = _conclusion_seconds(method, measured, evaluations, mixture_seconds, path_seconds)
    epochs = epochs_that_fit(job, epoch_seconds, spent + min(conclusion_seconds, EVALUATION_SHARE * remaining))
    return SupernetSchedule(epochs, evaluations, epoch_seconds, spent)


def _step_seconds(measured: MeasuredSearch, warmup: float) -> float:
    """The seconds of one step of the weights (and alphas), halfway between the warm-up and the end."""
    numbers = iter(range(10**9))
    done = (1 + warmup) / 2
    step = measured.search.train if isinstance(measured.search, ControllerSearch) else measured.search
    measured.context.supernet.train()
    return measured.seconds(lambda: step(*measured.batches.batch(next(numbers)), done))


def _controller_seconds(measured: MeasuredSearch) -> float:
    """The seconds that a controller, if there is one, adds to each epoch: its updates, and the samples for the search log."""
    search = measured.search
    if not isinstance(search, ControllerSearch):
        return 0.0
    updates = measured.batches.per_epoch / search.phases.weight_steps * search.phases.controller_steps
    return updates * measured.seconds(search.learn) + measured.seconds(search.mean_gates, torch.device("cpu"))


def _scoring_seconds(measured: MeasuredSearch, gates: Tensor) -> float:
    """The seconds of recalibration and validation under these gates, estimated from one small batch."""
    network = FixedGateSupernet(measured.context.supernet, gates).eval()
    x = next(measured.val.in_order())[0][:TIMED_SAMPLES]
    with torch.inference_mode():
        seconds = measured.seconds(lambda: network(x))
    process_group = measured.context.process_group
    validated = len(measured.val) / process_group.size if measured.val.divides(process_group) else len(measured.val)
    return seconds * (validated + sum(len(batch) for batch in measured.context.score.calibration)) / len(x)


def _path_seconds(measured: MeasuredSearch) -> float:
    """The seconds to score an architecture: a mean over several, as some have hardly any operations."""
    rng, context = Random(0), measured.context
    return mean(_scoring_seconds(measured, context.gates_of(context.space.sample(rng))) for _ in range(TIMED_PATHS))


def _conclusion_seconds(
    method: OneShotMethod, measured: MeasuredSearch, evaluations: int, mixture_seconds: float, path_seconds: float
) -> float:
    if has_controller(method):
        return (method.derive + RESCORED) * path_seconds
    if not learns_by_gradient(method):
        return evaluations * path_seconds
    perturbed = int(measured.context.supernet.mixture.mask.sum()) if method.discretization == "perturbation" else 1
    return perturbed * mixture_seconds + RESCORED * path_seconds
