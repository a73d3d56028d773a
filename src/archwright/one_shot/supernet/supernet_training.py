"""The one training of a one-shot method, from a job to what it derives: a worker's entry point."""

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
from archwright.one_shot.method import Found, OneShotMethod, PathMethod, has_controller, learns_by_gradient
from archwright.one_shot.monitoring.search_log import Report, SearchLog
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
"""Batches of training rows from which BatchNorm's statistics are computed anew before a score."""


@dataclass(frozen=True, eq=False)
class SupernetSetup:
    """A search ready to begin, and what it is trained and judged on."""

    search: Search
    context: SearchContext
    batches: Batches
    val: Rows
    search_log: SearchLog


def train_supernet(job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None) -> Outcome:
    """Train the job's supernet, and find architectures in it: `Outcome.found`, the best first.

    What is known on the way is left in `facts`. In the job's folder: the weights (`supernet.safetensors`) and what the report
    shows (`one_shot.json`). Where several processes train it together each of them calls this, and the first one writes.
    """
    device, method = device_of(job.device), _method_of(job)
    process_group = join_process_group(job.devices, device)
    schedule = _schedule(job, method, data, device, process_group)
    setup = _set_up(job, data, device, schedule.epochs, process_group)
    facts.update(parameters=parameter_count(setup.context.supernet), precision="float32", seconds=schedule.seconds)
    report = Report(Path(job.folder), _asked(job)["method"], settings_of(method), setup.search_log)
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
    """The shared-weight score of each of the job's architectures, in their order, with the weights of a trained supernet."""
    start = time.perf_counter()
    context = _set_up(job, data, device_of(job.device), job.epochs).context
    context.supernet.load_state_dict(load_file(Path(_asked(job)["trained"]) / WEIGHTS))
    architectures = [Architecture.from_json(text) for text in _asked(job)["architectures"]]
    found = tuple(
        _found_to_json(Found(architecture, context.score_of(architecture), 0.0), context.metric) for architecture in architectures
    )
    facts["seconds"] = time.perf_counter() - start
    return Outcome("complete", **facts, found=found)


def _asked(job: Job) -> Mapping[str, Any]:
    if job.supernet is None:
        raise InputError(f"job {job.key!r} of stage {job.stage!r} names no supernet")
    return job.supernet


def _method_of(job: Job) -> OneShotMethod:
    return make_one_shot(_asked(job)["method"], _asked(job).get("method_settings"))


def _set_up(
    job: Job, data: ProblemData, device: torch.device, epochs: float, process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSetup:
    """From the seed: the same supernet and alphas in every process, other random numbers for what befalls their batches."""
    asked, recipe, method = _asked(job), with_settings(Recipe, job.recipe, "train"), _method_of(job)
    space = make_space(asked["space"], asked.get("space_settings")).for_problem(data.problem)
    seed_everything(job.seed)
    supernet = make_supernet(method, space, data.problem).to(device)
    images = data.problem.dimensions == 2
    if images:
        supernet.to(memory_format=torch.channels_last)
    rows, val = (Rows(split, data.problem, data.preprocessing, device, images) for split in (data.train, data.val))
    set_variational_dropout(supernet, variational_dropout(recipe))
    weight_rows, alpha_rows = _division(method, rows, job.seed)
    augment = training_augmentation(recipe, rows, data, epochs)

    def batches(among: Array, seed: int, augment: Augment) -> Batches:
        return Batches(rows, recipe.batch_size, seed, augment, among, process_group)

    weight_batches = batches(weight_rows, job.seed, augment)
    other_augment = as_it_is if has_controller(method) else augment
    alpha_batches = None if alpha_rows is None else batches(alpha_rows, job.seed + 1, other_augment)
    loss = loss_function(data.problem.task, recipe.label_smoothing)
    context = SearchContext(
        supernet=supernet,
        space=space,
        loss=process_group.weighted_loss(loss, weight_batches.batch_size),
        alpha_loss=process_group.weighted_loss(loss, (alpha_batches or weight_batches).batch_size),
        score=SharedWeightScore(
            supernet,
            _calibration(rows, weight_rows, recipe.batch_size),
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
    search = _begin(method, context)
    seed_everything(job.seed + process_group.rank)
    return SupernetSetup(search, context, weight_batches, val, SearchLog(supernet.mixture))


def _begin(method: OneShotMethod, context: SearchContext) -> Search:
    """Which kind of search a method is: one by gradients, one by a controller, or one by single paths."""
    if learns_by_gradient(method):
        return GradientSearch(method, context)
    return ControllerSearch(method, context) if has_controller(method) else PathSearch(cast(PathMethod, method), context)


def _division(method: OneShotMethod, rows: Rows, seed: int) -> tuple[Array, Array | None]:
    """Rows for the weights, and rows for the alphas or the controller where these have some of their own."""
    if has_controller(method) or (learns_by_gradient(method) and not method.single_level):
        return weight_and_alpha_rows(len(rows), method.weight_share, None if rows.sequential else seed)
    return np.arange(len(rows)), None


def _calibration(rows: Rows, among: Array, batch_size: int) -> list[torch.Tensor]:
    """Always the same training inputs, not augmented, in whole batches where there is more than one."""
    most = min(len(among), CALIBRATION_BATCHES * batch_size)
    whole = most - most % batch_size if most > batch_size else most
    chosen = torch.from_numpy(among[:whole])
    return [rows.take(part)[0] for part in torch.split(chosen, batch_size)]


def _schedule(
    job: Job, method: OneShotMethod, data: ProblemData, device: torch.device, process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSchedule:
    """How long it trains and looks, where that is not fixed by a search that is thrown away."""
    with ExitStack() as measuring:

        def trial() -> MeasuredSearch:
            setup = _set_up(job, data, device, job.epochs, process_group)
            measuring.enter_context(global_statistics(setup.context.supernet, process_group))
            return MeasuredSearch(setup.context, setup.search, setup.batches, setup.val)

        return make_supernet_schedule(job, method, trial, process_group)


class _Journal:
    """The search as the training loop sees it: its step, with the search log among what is saved."""

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
    report: Report,
    on_epoch: Callable[[Record], None] | None,
) -> Progress:
    process_group = setup.context.process_group
    before = load_checkpoint(Path(job.folder) / CHECKPOINT)
    curve: list[Record] = [] if before is None else list(before["progress"]["curve"])

    def told(record: Record) -> None:
        curve.append(record)
        if process_group.is_rank_zero:
            report.write(curve)
            if on_epoch is not None:
                on_epoch(record)

    training = Training(
        step=_Journal(setup.search, setup.search_log),
        network=setup.context.supernet,
        batches=setup.batches,
        validate=lambda: _judge(setup),
        monitor=setup.context.metric,
        train_metric=lambda kept, target: metric_of(decide(kept, data.problem.task), target, data.problem.metric),
        kept=lambda output, target: kept_of(output, target, data.problem.task),
        epochs=schedule.epochs,
        ended=lambda: bool(setup.search.stopped),
        checkpoint=Path(job.folder) / CHECKPOINT,
        time_limit=job.time_limit,
        process_group=process_group,
    )
    return run_training(training, told, seconds=schedule.seconds)


def _judge(setup: SupernetSetup) -> Mapping[str, float]:
    """The end of an epoch: the supernet and the snapshot are validated, and the search log gets its entry."""
    context, search = setup.context, setup.search
    search.epoch_ends()
    snapshot = search.snapshot()
    alone = context.metrics_of(snapshot)
    setup.search_log.add(search.expected, snapshot, alone[context.metric], counts=search.counts)
    return alone if search.mixture_gates is None else context.score(search.mixture_gates)


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
) -> list[Found]:
    """What was found, each network once, the best first: the last word, what was found with it, and the latest snapshots.

    Snapshots are scored again: the shared weights of an early epoch would do them wrong.
    """
    found = {
        key_of(context.space, conclusion.architecture): Found(
            conclusion.architecture, context.score_of(conclusion.architecture), epochs
        )
    }
    for other in conclusion.others:
        found.setdefault(key_of(context.space, other.architecture), Found(other.architecture, other.score, epochs))
    for architecture, epoch in snapshots[:RESCORED]:
        key = key_of(context.space, architecture)
        if key not in found:
            found[key] = Found(architecture, context.score_of(architecture), epoch)
    return sorted(found.values(), key=lambda one: -one.score)


def _derived(found: Sequence[Found], last_word: Architecture, count: int) -> list[Found]:
    """The best few; the search's last word is always among them."""
    best = list(found[:count])
    if all(one.architecture != last_word for one in best):
        best[-1] = next(one for one in found if one.architecture == last_word)
    return best


def _discretization(conclusion: Conclusion, score: float) -> dict[str, Any]:
    return {
        "method": conclusion.method,
        "supernet_score": conclusion.supernet_score,
        "discretized_score": score,
        "architecture": conclusion.architecture.to_json(),
    }


def _found_to_json(found: Found, metric: str) -> dict[str, Any]:
    """With the metric itself, whichever way it goes."""
    return {"architecture": found.architecture.to_json(), "score": as_score(metric, found.score), "epoch": found.epoch}
