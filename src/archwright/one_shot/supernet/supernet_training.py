"""The supernet training of a one-shot method, from a job to the derived candidates: a worker's entry point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file

from archwright.architecture.architecture import Architecture
from archwright.cost.memory import peak_memory_mb
from archwright.cost.parameters import parameter_count
from archwright.data.problem import as_score
from archwright.data.raw_data import Array
from archwright.data.splits import ProblemData
from archwright.errors import InputError
from archwright.evaluate.full_training import CHECKPOINT, device_of, validate, write_weights
from archwright.evaluate.history import key_of
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.training_schedule import training_augmentation
from archwright.one_shot import make_one_shot
from archwright.one_shot.controllers.controller_search import ControllerSearch
from archwright.one_shot.controllers.reward import reward_function
from archwright.one_shot.gradient_based.gradient_search import GradientSearch
from archwright.one_shot.method import FoundArchitecture, OneShotMethod, PathMethod, has_controller, learns_by_gradient
from archwright.one_shot.monitoring.search_log import SearchLog, SearchReport
from archwright.one_shot.single_path.path_search import PathSearch
from archwright.one_shot.supernet.requirements import make_supernet
from archwright.one_shot.supernet.search_context import Conclusion, Search, SearchContext
from archwright.one_shot.supernet.shared_weight_score import SharedWeightScore
from archwright.one_shot.supernet.supernet_schedule import RESCORED, MeasuredSearch, SupernetSchedule, make_supernet_schedule
from archwright.one_shot.supernet.weight_and_alpha_rows import weight_and_alpha_rows
from archwright.ops.global_batch_norm import global_statistics
from archwright.ops.variational_dropout import set_variational_dropout
from archwright.process_group import SINGLE_PROCESS, ProcessGroup, join_process_group
from archwright.search_space import make_space
from archwright.settings import settings_of, with_settings
from archwright.train.augmentation import Augment, as_it_is
from archwright.train.batches import Batches, Rows
from archwright.train.checkpoint import load_checkpoint
from archwright.train.loss import loss_function
from archwright.train.metric import decide, kept_of, metric_of
from archwright.train.random_state import seed_everything
from archwright.train.recipe import Recipe
from archwright.train.supervised_step import variational_dropout
from archwright.train.training_loop import Progress, Record, Training, run_training

WEIGHTS = "supernet.safetensors"
CALIBRATION_BATCHES = 8
"""Batches of training rows on which BatchNorm statistics are recalibrated before scoring."""


@dataclass(frozen=True, eq=False)
class SupernetSetup:
    """A search ready to start, with the data it is trained and validated on."""

    search: Search
    context: SearchContext
    batches: Batches
    val: Rows
    search_log: SearchLog


def train_supernet(job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None) -> Outcome:
    """Trains the job's supernet, and derives architectures from it: `Outcome.found`, the best first.

    Facts are added to `facts` as they become known, in case the training fails. In the job's folder it writes the weights
    (`supernet.safetensors`) and the data of the report (`one_shot.json`). Every process of a group calls this; the first one
    writes.
    """
    device, method = device_of(job.device), _method_of(job)
    process_group = join_process_group(job.devices, device)
    schedule = _schedule(job, method, data, device, process_group)
    setup = _set_up(job, data, device, schedule.epochs, process_group)
    facts.update(parameters=parameter_count(setup.context.supernet), precision="float32", seconds=schedule.seconds)
    report = SearchReport(Path(job.folder), _supernet_of(job)["method"], settings_of(method), setup.search_log)
    with global_statistics(setup.context.supernet, process_group):
        progress = _train(job, setup, data, schedule, report, on_epoch)
        facts.update(_facts_of(progress, schedule, setup.context))
        start = time.perf_counter()
        conclusion = setup.search.conclude(schedule.evaluations)
        found = _ranked(setup.context, conclusion, setup.search_log.snapshots(progress.curve), progress.epochs)
        derived = _derived(found, conclusion.architecture, method.derived_candidates)
        metrics = setup.context.metrics_of(conclusion.architecture)
    if process_group.is_rank_zero:
        write_weights(setup.context.supernet.state_dict(), Path(job.folder) / WEIGHTS)
        report.write(
            progress.curve,
            _discretization(conclusion, metrics[setup.context.metric]),
            setup.search.stopped,
            (*conclusion.notes, *progress.notes),
        )
    facts["seconds"] += time.perf_counter() - start
    return Outcome(
        "complete",
        **{**facts, "metrics": dict(metrics), "found": tuple(_found_to_json(one, data.problem.metric) for one in derived)},
    )


def score_architectures(
    job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None
) -> Outcome:
    """The shared-weight scores of the job's architectures, in their order, with the weights of a trained supernet."""
    start = time.perf_counter()
    context = _set_up(job, data, device_of(job.device), job.epochs).context
    context.supernet.load_state_dict(load_file(Path(_supernet_of(job)["trained"]) / WEIGHTS))
    architectures = [Architecture.from_json(text) for text in _supernet_of(job)["architectures"]]
    found = tuple(
        _found_to_json(FoundArchitecture(architecture, context.score_of(architecture), 0.0), context.metric)
        for architecture in architectures
    )
    facts["seconds"] = time.perf_counter() - start
    return Outcome("complete", **facts, found=found)


def _supernet_of(job: Job) -> Mapping[str, Any]:
    if job.supernet is None:
        raise InputError(f"job {job.key!r} of stage {job.stage!r} does not name a supernet")
    return job.supernet


def _method_of(job: Job) -> OneShotMethod:
    return make_one_shot(_supernet_of(job)["method"], _supernet_of(job).get("method_settings"))


def _set_up(
    job: Job, data: ProblemData, device: torch.device, epochs: float, process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSetup:
    """From the seed: the same supernet and alphas in every process, but different random numbers for their batches."""
    request, recipe, method = _supernet_of(job), with_settings(Recipe, job.recipe, "train"), _method_of(job)
    space = make_space(request["space"], request.get("space_settings")).for_problem(data.problem)
    seed_everything(job.seed)
    supernet = make_supernet(method, space, data.problem).to(device)
    images = data.problem.dimensions == 2
    if images:
        supernet.to(memory_format=torch.channels_last)
    rows, val = (Rows(split, data.problem, data.preprocessing, device, images) for split in (data.train, data.val))
    set_variational_dropout(supernet, variational_dropout(recipe))
    weight_rows, alpha_rows = _split_rows(method, rows, job.seed)
    augment = training_augmentation(recipe, rows, data, epochs)

    def batches(among: Array, seed: int, augment: Augment) -> Batches:
        return Batches(rows, recipe.batch_size, seed, augment, among, process_group)

    weight_batches = batches(weight_rows, job.seed, augment)
    alpha_augment = as_it_is if has_controller(method) else augment
    alpha_batches = None if alpha_rows is None else batches(alpha_rows, job.seed + 1, alpha_augment)
    loss = loss_function(data.problem.task, recipe.label_smoothing)
    context = SearchContext(
        supernet=supernet,
        space=space,
        loss=process_group.weighted_loss(loss, weight_batches.batch_size),
        alpha_loss=process_group.weighted_loss(loss, (alpha_batches or weight_batches).batch_size),
        score=SharedWeightScore(
            supernet,
            _calibration_inputs(rows, weight_rows, recipe.batch_size),
            lambda network: validate(network, val, data, process_group),
        ),
        metric=data.problem.metric,
        reward=reward_function(data.problem),
        steps=max(1, round(epochs * weight_batches.per_epoch)),
        steps_per_epoch=weight_batches.per_epoch,
        alpha_batches=alpha_batches,
        seed=job.seed,
        device=device,
        process_group=process_group,
    )
    search = _make_search(method, context)
    seed_everything(job.seed + process_group.rank)
    return SupernetSetup(search, context, weight_batches, val, SearchLog(supernet.mixture))


def _make_search(method: OneShotMethod, context: SearchContext) -> Search:
    """The search of a method: gradient-based, controller-based or single-path."""
    if learns_by_gradient(method):
        return GradientSearch(method, context)
    return ControllerSearch(method, context) if has_controller(method) else PathSearch(cast(PathMethod, method), context)


def _split_rows(method: OneShotMethod, rows: Rows, seed: int) -> tuple[Array, Array | None]:
    """Rows for the weights, and rows held out for the alphas or the controller, if any."""
    if has_controller(method) or (learns_by_gradient(method) and not method.single_level):
        return weight_and_alpha_rows(len(rows), method.weight_share, None if rows.sequential else seed)
    return np.arange(len(rows)), None


def _calibration_inputs(rows: Rows, among: Array, batch_size: int) -> list[torch.Tensor]:
    """A fixed set of training inputs, not augmented, in full batches if there is more than one."""
    most = min(len(among), CALIBRATION_BATCHES * batch_size)
    whole = most - most % batch_size if most > batch_size else most
    chosen = torch.from_numpy(among[:whole])
    return [rows.take(part)[0] for part in torch.split(chosen, batch_size)]


def _schedule(
    job: Job, method: OneShotMethod, data: ProblemData, device: torch.device, process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSchedule:
    """The stored schedule, or a new one, timed on a search that is discarded."""
    with ExitStack() as measuring:

        def trial() -> MeasuredSearch:
            setup = _set_up(job, data, device, job.epochs, process_group)
            measuring.enter_context(global_statistics(setup.context.supernet, process_group))
            return MeasuredSearch(setup.context, setup.search, setup.batches, setup.val)

        return make_supernet_schedule(job, method, trial, process_group)


class _LoggedSearch:
    """The search as a step for the training loop, with the search log in its checkpoint."""

    def __init__(self, search: Search, search_log: SearchLog) -> None:
        self.search, self.search_log = search, search_log

    @property
    def saved(self) -> Mapping[str, Any]:
        return {**self.search.saved, "diary": self.search_log}

    def __call__(self, x: torch.Tensor, y: torch.Tensor, done: float) -> tuple[torch.Tensor, torch.Tensor]:
        return self.search(x, y, done)

    def record(self) -> Mapping[str, float]:
        return self.search.record()


def _train(
    job: Job,
    setup: SupernetSetup,
    data: ProblemData,
    schedule: SupernetSchedule,
    report: SearchReport,
    on_epoch: Callable[[Record], None] | None,
) -> Progress:
    process_group = setup.context.process_group
    checkpoint = load_checkpoint(Path(job.folder) / CHECKPOINT)
    curve: list[Record] = [] if checkpoint is None else list(checkpoint["progress"]["curve"])

    def record_epoch(record: Record) -> None:
        curve.append(record)
        if process_group.is_rank_zero:
            report.write(curve)
            if on_epoch is not None:
                on_epoch(record)

    training = Training(
        step=_LoggedSearch(setup.search, setup.search_log),
        network=setup.context.supernet,
        batches=setup.batches,
        validate=lambda: _end_epoch(setup),
        monitor=setup.context.metric,
        train_metric=lambda kept, target: metric_of(decide(kept, data.problem.task), target, data.problem.metric),
        kept=lambda output, target: kept_of(output, target, data.problem.task),
        epochs=schedule.epochs,
        ended=lambda: bool(setup.search.stopped),
        checkpoint=Path(job.folder) / CHECKPOINT,
        time_limit=job.time_limit,
        process_group=process_group,
    )
    return run_training(training, record_epoch, seconds=schedule.seconds)


def _end_epoch(setup: SupernetSetup) -> Mapping[str, float]:
    """Ends an epoch: validates the supernet and the snapshot, and adds an entry to the search log."""
    context, search = setup.context, setup.search
    search.end_epoch()
    snapshot = search.snapshot()
    snapshot_metrics = context.metrics_of(snapshot)
    setup.search_log.add(search.expected, snapshot, snapshot_metrics[context.metric], counts=search.is_learning)
    return snapshot_metrics if search.mixture_gates is None else context.score(search.mixture_gates)


def _facts_of(progress: Progress, schedule: SupernetSchedule, context: SearchContext) -> dict[str, Any]:
    return {
        "cause": "; ".join(progress.notes),
        "curve": tuple(progress.curve),
        "seconds": progress.seconds,
        "epochs": progress.epochs,
        "seconds_per_epoch": (progress.seconds - schedule.seconds) / progress.epochs,
        "peak_memory_mb": sum(context.process_group.all_gather_object(peak_memory_mb(context.device))),
    }


def _ranked(
    context: SearchContext, conclusion: Conclusion, snapshots: Sequence[tuple[Architecture, float]], epochs: float
) -> list[FoundArchitecture]:
    """All architectures found, each network once, the best first: the conclusion, its others, and the latest snapshots.

    Snapshots are scored again, since scores with the shared weights of an earlier epoch are not comparable.
    """
    found = {
        key_of(context.space, conclusion.architecture): FoundArchitecture(
            conclusion.architecture, context.score_of(conclusion.architecture), epochs
        )
    }
    for other in conclusion.others:
        found.setdefault(key_of(context.space, other.architecture), FoundArchitecture(other.architecture, other.score, epochs))
    for architecture, epoch in snapshots[:RESCORED]:
        key = key_of(context.space, architecture)
        if key not in found:
            found[key] = FoundArchitecture(architecture, context.score_of(architecture), epoch)
    return sorted(found.values(), key=lambda one: -one.score)


def _derived(found: Sequence[FoundArchitecture], conclusion: Architecture, count: int) -> list[FoundArchitecture]:
    """The best `count`; the architecture that the search concludes with is always among them."""
    best = list(found[:count])
    if all(one.architecture != conclusion for one in best):
        best[-1] = next(one for one in found if one.architecture == conclusion)
    return best


def _discretization(conclusion: Conclusion, score: float) -> dict[str, Any]:
    return {
        "method": conclusion.method,
        "supernet_score": conclusion.supernet_score,
        "discretized_score": score,
        "architecture": conclusion.architecture.to_json(),
    }


def _found_to_json(found: FoundArchitecture, metric: str) -> dict[str, Any]:
    """The JSON of a found architecture; its `score` is the metric itself, in its own direction."""
    return {"architecture": found.architecture.to_json(), "score": as_score(metric, found.score), "epoch": found.epoch}
