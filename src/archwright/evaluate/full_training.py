"""Full evaluation: train a network by the recipe and evaluate it on the validation split, final ones also on the test split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.atomic_file import written_atomically
from archwright.cost.latency import latency_ms
from archwright.cost.macs import multiply_accumulates
from archwright.cost.memory import peak_memory_mb, training_memory_mb
from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.data.raw_data import Array
from archwright.data.splits import ProblemData, Split
from archwright.errors import InputError
from archwright.evaluate.job import CHECKPOINT, Job, Outcome
from archwright.evaluate.read_test_split import read_test
from archwright.evaluate.training_schedule import TrainingSchedule, last_epoch, make_batches, make_schedule
from archwright.network.baselines import build_baseline
from archwright.ops.carried_state import separate_stream
from archwright.ops.global_batch_norm import global_statistics
from archwright.process_group import SINGLE_PROCESS, ProcessGroup, join_process_group
from archwright.search_space import make_space
from archwright.settings import with_settings
from archwright.train.batches import Rows
from archwright.train.metric import decide, kept_of, metric_of, root_mean_square_error, scores
from archwright.train.precision import TrainingPrecision
from archwright.train.random_state import seed_everything
from archwright.train.recipe import Recipe
from archwright.train.supervised_step import SupervisedStep
from archwright.train.trained_model import TrainedModel, log_likelihoods, predict
from archwright.train.training_loop import Progress, Record, Training, run_training

WEIGHTS = "weights.safetensors"
TRAINED_FROM_SCRATCH = "trained from scratch: the checkpoint of the training to continue is gone"


def train_network(job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[Record], None] | None = None) -> Outcome:
    """Train the network of a job and return the outcome. `facts` collects what is known so far, in case the training fails.

    If several processes train the network together, each of them calls this; the outcome of rank 0 is the complete one.
    """
    device, recipe = device_of(job.device), with_settings(Recipe, job.recipe, "train")
    process_group = join_process_group(job.devices, device)
    seed_everything(job.seed)
    network = build_network(job, data.problem)
    if not process_group.is_rank_zero:
        seed_everything(job.seed + process_group.rank)
    facts["parameters"] = parameter_count(network)
    facts["macs"] = multiply_accumulates(network, data.problem.input_shape)
    refusal = _needs_too_much_memory(job, recipe, network, data, device)
    if refusal:
        return Outcome("refused", refusal, **facts)
    with global_statistics(network, process_group):
        schedule = make_schedule(job, recipe, network, data, device, process_group)
        facts.update(precision=schedule.precision, seconds_per_epoch=schedule.seconds_per_epoch, seconds=schedule.seconds)
        refusal = _takes_too_long(job, schedule)
        if refusal or job.stage == "probe":
            return Outcome("refused" if refusal else "complete", refusal, **facts)
        progress = _train(job, recipe, network, data, schedule, device, process_group, on_epoch)
    facts.update(_facts_of(job, progress, schedule, device, process_group))
    if process_group.is_rank_zero:
        facts["latency_ms"] = latency_ms(network, data.problem.input_shape, device=device)
    if process_group.is_rank_zero and job.stage in ("final", "baseline"):
        facts.update(_finish(job, data, progress, device, facts["peak_memory_mb"]))
    return Outcome("complete", **facts)


def build_network(job: Job, problem: Problem) -> nn.Module:
    """The plain module of a job, with weights drawn from PyTorch's global generator."""
    if job.architecture is not None:
        architecture = Architecture.from_json(job.architecture)
        return make_space(architecture.space, architecture.settings).network(architecture, problem)
    return build_baseline(job.baseline or "", problem, job.baseline_parameters)


def trained_network(job: Job, problem: Problem) -> nn.Module:
    """The network of a finished job of stage final or baseline, with the weights of its best validation epoch."""
    network = build_network(job, problem)
    network.load_state_dict(load_file(Path(job.folder) / WEIGHTS))
    return network.eval()


def device_of(name: str) -> torch.device:
    """The device of this name; "auto" is the first GPU if there is one. Raises InputError if it does not exist here."""
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    kind, _, number = name.partition(":")
    available = {"cpu": 1, "cuda": torch.cuda.device_count()}
    if kind not in available or not (number or "0").isdigit() or int(number or 0) >= available[kind]:
        raise InputError(f"there is no device {name!r} here: choose from auto, cpu and, with GPUs, cuda, cuda:0, cuda:1, ...")
    return torch.device(name)


def _needs_too_much_memory(job: Job, recipe: Recipe, network: nn.Module, data: ProblemData, device: torch.device) -> str:
    if job.memory_limit is None:
        return ""
    batch = min(recipe.batch_size, data.problem.n_train)
    per_device = -(-batch // job.devices)
    needed = job.devices * training_memory_mb(network, data.problem.input_shape, per_device, recipe.optimizer)
    if needed <= job.memory_limit:
        return ""
    return f"training with batches of {batch} needs at least {needed:.0f} MB, but the limit is {job.memory_limit:.0f} MB"


def _takes_too_long(job: Job, schedule: TrainingSchedule) -> str:
    limit, needed = job.epoch_seconds_limit, schedule.seconds_per_epoch
    if limit is None or needed is None or needed <= limit:
        return ""
    return f"an epoch would take an estimated {needed:.1f} s, but the limit is {limit:.1f} s"


def _train(
    job: Job,
    recipe: Recipe,
    network: nn.Module,
    data: ProblemData,
    schedule: TrainingSchedule,
    device: torch.device,
    process_group: ProcessGroup,
    on_epoch: Callable[[Record], None] | None,
) -> Progress:
    precision = TrainingPrecision.from_text(schedule.precision)
    rows = Rows(data.val, data.problem, data.preprocessing, device, precision.channels_last)
    step = SupervisedStep(network, data.problem, recipe, device, precision, process_group)
    training = Training(
        step=step,
        network=network,
        batches=make_batches(job, recipe, data, device, precision, schedule.epochs, process_group),
        validate=lambda: validate(network, rows, data, process_group),
        monitor=data.problem.metric,
        train_metric=lambda kept, target: metric_of(decide(kept, data.problem.task), target, data.problem.metric),
        kept=lambda output, target: kept_of(output, target, data.problem.task),
        averaging=step.averaging,
        epochs=schedule.epochs,
        until=last_epoch(schedule.epochs, job.share),
        patience=recipe.patience,
        checkpoint=Path(job.folder) / CHECKPOINT,
        time_limit=job.time_limit,
        process_group=process_group,
    )
    return run_training(training, on_epoch, seconds=schedule.seconds)


def validate(network: nn.Module, rows: Rows, data: ProblemData, process_group: ProcessGroup = SINGLE_PROCESS) -> dict[str, float]:
    """The task's metric, the loss and, for a regression, `rmse` in the target's units, over all rows in float32.

    A carried state is reset, passed along the rows in order, and restored afterwards. The processes of a process group share
    the work and get the same metrics.
    """
    network.eval()
    with separate_stream(network), torch.inference_mode():
        pairs = [(kept_of(network(x), y, data.problem.task), y) for x, y in rows.in_order(process_group)]
        shared = process_group if rows.divides(process_group) else SINGLE_PROCESS
        output, target = (shared.all_gather(torch.cat(parts)) for parts in zip(*pairs, strict=True))
    metrics = scores(output, target, data.problem)
    if data.preprocessing.target_std is not None:
        metrics["rmse"] = root_mean_square_error(output, target, torch.tensor(data.preprocessing.target_std, device=output.device))
    return metrics


def _facts_of(
    job: Job, progress: Progress, schedule: TrainingSchedule, device: torch.device, process_group: ProcessGroup
) -> dict[str, Any]:
    notes = [TRAINED_FROM_SCRATCH] if job.continues is not None and not progress.before else []
    return {
        "metrics": {key.removeprefix("val_"): value for key, value in progress.best.items() if key.startswith("val_")},
        "cause": "; ".join([*notes, *progress.notes]),
        "curve": tuple(progress.curve),
        "seconds": progress.seconds - progress.before,
        "epochs": progress.epochs,
        "seconds_per_epoch": (progress.seconds - schedule.seconds) / progress.epochs,
        "peak_memory_mb": sum(process_group.all_gather_object(peak_memory_mb(device))),
    }


def _finish(job: Job, data: ProblemData, progress: Progress, device: torch.device, peak_mb: float) -> dict[str, Any]:
    """Save the best weights, load them again and read the test split once with the loaded network."""
    write_weights(progress.best_weights, Path(job.folder) / WEIGHTS)
    network = trained_network(job, data.problem)
    model = TrainedModel(network, data.problem, data.preprocessing)
    result = read_test(job, data, lambda split: _predicted(model, split, device))
    return {
        "test": result.value,
        "predict_seconds": result.seconds,
        "peak_memory_mb": max(peak_mb, peak_memory_mb(device)),
    }


def _predicted(model: TrainedModel, split: Split, device: torch.device) -> Array:
    """The predictions to store for a split: decisions, or for a text the log-likelihoods of its tokens."""
    if model.problem.level is not None:
        return log_likelihoods(model, split.x, split.y, device=device)
    decisions: Array = decide(torch.from_numpy(predict(model, split.x, device=device)), model.problem.task).numpy()
    return decisions


def write_weights(weights: dict[str, Tensor], file: Path) -> None:
    """Write weights as safetensors in contiguous memory order, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    with written_atomically(file) as unfinished:
        save_file(tensors, unfinished)
