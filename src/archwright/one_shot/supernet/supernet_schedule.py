"""How long a search with shared weights trains and looks, decided once before it begins and kept for when it is resumed."""

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
from archwright.one_shot.supernet.shared_weight_score import UnderGates
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.batches import Batches, Rows
from archwright.train.precision import time_steps, untouched_randomness

TIMED_PATHS = 3
LOOKING_SHARE = 0.25
"""The share of a time goal that is kept for looking through the trained supernet, at most."""
EVALUATIONS_PER_EPOCH, LEAST_EVALUATIONS = 20, 20
RESCORED = 20
"""So many snapshots are scored once more in the end."""


@dataclass(frozen=True)
class SupernetSchedule:
    """`epochs` of training, and scorings (`evaluations`) afterwards.

    `seconds_per_epoch` where it was measured, `seconds` that deciding took.
    """

    epochs: float
    evaluations: int
    seconds_per_epoch: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class MeasuredSearch:
    """A search to be measured and thrown away, with what it is trained and validated on."""

    context: SearchContext
    search: Search
    batches: Batches
    val: Rows

    def seconds(self, step: Callable[[], object], device: torch.device | None = None) -> float:
        """Of one step, by default on the search's device."""
        return time_steps(step, self.context.device if device is None else device, process_group=self.context.process_group)


def make_supernet_schedule(
    job: Job, method: OneShotMethod, measured: Callable[[], MeasuredSearch], process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSchedule:
    """The schedule in the job's folder, else a new one, which is left there. The random states are not touched.

    A process group measures together, as it will train, and has the first process's schedule. measured: gives a search to be
    measured, asked only where the job has a `time_goal`.
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


def _evaluations(method: OneShotMethod, epochs: float, fitting: float = math.inf) -> int:
    """As many as the method says; else twenty an epoch, no more than published, and as many as fit."""
    if learns_by_gradient(method) or has_controller(method):
        return 0
    looking = cast(PathMethod, method)
    if looking.evaluations is not None:
        return looking.evaluations
    return max(LEAST_EVALUATIONS, int(min(looking.published_evaluations, EVALUATIONS_PER_EPOCH * epochs, fitting)))


def _measured(
    job: Job, goal: float, method: OneShotMethod, make_trial: Callable[[], MeasuredSearch], process_group: ProcessGroup
) -> SupernetSchedule:
    start = time.perf_counter()
    measured = make_trial()
    step = _step_seconds(measured, method.warmup if learns_by_gradient(method) else 0.0)
    gates = measured.search.mixture_gates
    mixed = 0.0 if gates is None else _scoring_seconds(measured, gates)
    path = _path_seconds(measured)
    epoch = step * measured.batches.per_epoch + mixed + path + _controller_seconds(measured)
    spent = process_group.slowest(time.perf_counter() - start)
    rest = max(0.0, goal - spent)
    evaluations = _evaluations(method, math.inf, LOOKING_SHARE * rest / path)
    looking = _conclusion_seconds(method, measured, evaluations, mixed, path)
    epochs = epochs_that_fit(job, epoch, spent + min(looking, LOOKING_SHARE * rest))
    return SupernetSchedule(epochs, evaluations, epoch, spent)


def _step_seconds(measured: MeasuredSearch, warmup: float) -> float:
    """One step of the weights (and alphas) in the middle of what follows the warm-up."""
    numbers = iter(range(10**9))
    done = (1 + warmup) / 2
    step = measured.search.train if isinstance(measured.search, ControllerSearch) else measured.search
    measured.context.supernet.train()
    return measured.seconds(lambda: step(*measured.batches.batch(next(numbers)), done))


def _controller_seconds(measured: MeasuredSearch) -> float:
    """What a controller adds to each epoch, where there is one: its updates, and drawing from it for the search log."""
    search = measured.search
    if not isinstance(search, ControllerSearch):
        return 0.0
    updates = measured.batches.per_epoch / search.phases.weight_steps * search.phases.controller_steps
    return updates * measured.seconds(search.learn) + measured.seconds(search.mean_gates, torch.device("cpu"))


def _scoring_seconds(measured: MeasuredSearch, gates: Tensor) -> float:
    """Statistics and validation under these gates, foretold from one small batch."""
    network = UnderGates(measured.context.supernet, gates).eval()
    x = next(measured.val.in_order())[0][:TIMED_SAMPLES]
    with torch.inference_mode():
        seconds = measured.seconds(lambda: network(x))
    process_group = measured.context.process_group
    validated = len(measured.val) / process_group.size if measured.val.divides(process_group) else len(measured.val)
    return seconds * (validated + sum(len(batch) for batch in measured.context.score.calibration)) / len(x)


def _path_seconds(measured: MeasuredSearch) -> float:
    """A mean over a few architectures: some have hardly an operation."""
    rng, context = Random(0), measured.context
    return mean(_scoring_seconds(measured, context.gates_of(context.space.sample(rng))) for _ in range(TIMED_PATHS))


def _conclusion_seconds(method: OneShotMethod, measured: MeasuredSearch, evaluations: int, mixed: float, path: float) -> float:
    if has_controller(method):
        return (method.derive + RESCORED) * path
    if not learns_by_gradient(method):
        return evaluations * path
    perturbed = int(measured.context.supernet.mixture.mask.sum()) if method.discretization == "perturbation" else 1
    return perturbed * mixed + RESCORED * path
