"""The supernet training of a one-shot method, from a job to the derived candidates: a worker's entry point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from archwright.architecture.architecture import Architecture
from archwright.cost.memory import peak_memory_mb
from archwright.cost.parameters import parameter_count
from archwright.data.splits import ProblemData
from archwright.evaluate.full_training import device_of, write_weights
from archwright.evaluate.job import CHECKPOINT, Job, Outcome
from archwright.one_shot.monitoring.search_log import SearchReport
from archwright.one_shot.supernet.found_architectures import FoundArchitecture, derived_candidates, ranked
from archwright.one_shot.supernet.search_context import SearchContext
from archwright.one_shot.supernet.supernet_schedule import SupernetSchedule, make_supernet_schedule
from archwright.one_shot.supernet.supernet_setup import SupernetSetup, method_of, set_up, supernet_of
from archwright.ops.global_batch_norm import global_statistics
from archwright.process_group import join_process_group
from archwright.settings import settings_of
from archwright.train.checkpoint import load_checkpoint
from archwright.train.metric import decide, kept_of, metric_of
from archwright.train.training_loop import Progress, Record, Training, run_training

WEIGHTS = "supernet.safetensors"


def train_supernet(job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None) -> Outcome:
    """Trains the job's supernet, and derives architectures from it: `Outcome.found`, the best first.

    Facts are added to `facts` as they become known, in case the training fails. In the job's folder it writes the weights
    (`supernet.safetensors`) and the data of the report (`one_shot.json`). Every process of a group calls this; the first one
    writes.
    """
    device, method = device_of(job.device), method_of(job)
    process_group = join_process_group(job.devices, device)
    schedule = make_supernet_schedule(job, method, lambda: set_up(job, data, device, job.epochs, process_group), process_group)
    setup = set_up(job, data, device, schedule.epochs, process_group)
    facts.update(parameters=parameter_count(setup.context.supernet), precision="float32", seconds=schedule.seconds)
    report = SearchReport(Path(job.folder), supernet_of(job)["method"], settings_of(method), setup.context.search_log)
    with global_statistics(setup.context.supernet, process_group):
        progress = _train(job, setup, data, schedule, report, on_epoch)
        facts.update(_facts_of(progress, schedule, setup.context))
        start = time.perf_counter()
        conclusion = setup.search.conclude(schedule.evaluations)
        found = ranked(setup.context, conclusion, setup.context.search_log.snapshots(progress.curve), progress.epochs)
        derived = derived_candidates(found, conclusion.architecture, method.derived_candidates)
        metrics = setup.context.metrics_of(conclusion.architecture)
    if process_group.is_rank_zero:
        write_weights(setup.context.supernet.state_dict(), Path(job.folder) / WEIGHTS)
        discretization, notes = conclusion.to_json(metrics[setup.context.metric]), (*conclusion.notes, *progress.notes)
        report.write(progress.curve, discretization, setup.search.stopped, notes)
    facts["seconds"] += time.perf_counter() - start
    found_json = tuple(one.to_json(setup.context.metric) for one in derived)
    return Outcome("complete", **{**facts, "metrics": dict(metrics), "found": found_json})


def score_architectures(
    job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None
) -> Outcome:
    """The shared-weight scores of the job's architectures, in their order, with the weights of a trained supernet."""
    start = time.perf_counter()
    context = set_up(job, data, device_of(job.device), job.epochs).context
    context.supernet.load_state_dict(load_file(Path(supernet_of(job)["trained"]) / WEIGHTS))
    architectures = [Architecture.from_json(text) for text in supernet_of(job)["architectures"]]
    found = [FoundArchitecture(architecture, context.score_of(architecture), 0.0) for architecture in architectures]
    facts["seconds"] = time.perf_counter() - start
    return Outcome("complete", **facts, found=tuple(one.to_json(context.metric) for one in found))


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
        step=setup.search,
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
    context, snapshot = setup.context, setup.search.end_epoch()
    snapshot_metrics = context.metrics_of(snapshot.architecture)
    context.search_log.add(snapshot.expected, snapshot.architecture, snapshot_metrics[context.metric], counts=snapshot.counts)
    return snapshot_metrics if snapshot.mixture_gates is None else context.score(snapshot.mixture_gates)


def _facts_of(progress: Progress, schedule: SupernetSchedule, context: SearchContext) -> dict[str, Any]:
    return {
        "cause": "; ".join(progress.notes),
        "curve": tuple(progress.curve),
        "seconds": progress.seconds,
        "epochs": progress.epochs,
        "seconds_per_epoch": (progress.seconds - schedule.seconds) / progress.epochs,
        "peak_memory_mb": sum(context.process_group.all_gather_object(peak_memory_mb(context.device))),
    }
