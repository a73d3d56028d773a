"""On which device a training runs on this machine: each process sees only its own GPU, or the GPUs of its devices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archwright.errors import InputError
from archwright.evaluate.job import Job
from archwright.execute.resources import Resources, check_device


@dataclass(frozen=True)
class Placement:
    """What a training is told (`device`), and what CUDA may see in its process (`visible`; None: as it is)."""

    device: str
    visible: str | None


def place_job(job: Job, resources: Resources, workers: Sequence[int], gpus: Sequence[str] | None = None) -> Placement:
    """Where the job trains that takes these workers' places; the job's own device counts before that of all. See `place`."""
    return place(with_device_of(job, resources), workers, gpus)


def with_device_of(job: Job, resources: Resources) -> Resources:
    """The job's own device counts before that of all."""
    return resources if job.device == "auto" else replace(resources, device=job.device)


def choose_workers(job: Job, resources: Resources, free: Sequence[int]) -> tuple[int, ...] | None:
    """The free workers whose places the job takes: where there are GPUs each with one of its own. None if there are too few."""
    chosen = _one_of_each_gpu(with_device_of(job, resources), free)
    return tuple(chosen[: job.devices]) if len(chosen) >= job.devices else None


def check_places(resources: Resources, devices: int, workers: int) -> None:
    """Raises InputError where so many workers have too few GPUs between them for a training on so many devices."""
    gpus = len(_one_of_each_gpu(resources, range(workers)))
    if gpus < min(devices, workers):
        raise _too_few_gpus(devices, gpus)


def _one_of_each_gpu(resources: Resources, workers: Sequence[int]) -> list[int]:
    """The first of these workers on each GPU; all of them where there are none."""
    chosen: dict[str, int] = {}
    for worker in workers:
        chosen.setdefault(place(resources, [worker]).visible or f"worker {worker}", worker)
    return list(chosen.values())


def _too_few_gpus(devices: int, gpus: int) -> InputError:
    return InputError(f"a training on {devices} devices needs as many GPUs, and it has {gpus}: give fewer devices, or cpu")


def place(resources: Resources, workers: Sequence[int], gpus: Sequence[str] | None = None) -> Placement:
    """Where the training trains that takes the places of these workers, one for each of its devices; workers count from 0.

    "auto" is a GPU if there is any, "cuda" one GPU for each worker in turn, "cuda:N" that one. `gpus`: those of the machine that
    trains, as CUDA_VISIBLE_DEVICES names them, where it is not this one. Raises InputError for a GPU that is not there, or where
    GPUs are too few for the shares that were asked for: nobody falls back to the CPU in silence.
    """
    device = resources.device
    check_device(device)
    if device == "cpu" or resources.gpus == 0:
        return Placement("cpu", "")
    gpus = visible_gpus() if gpus is None else gpus
    if not gpus and not resources.wants_gpus:
        return Placement("auto", None)
    numbers = sorted({_number(worker, resources, gpus) for worker in workers})
    if len(numbers) < len(workers):
        raise _too_few_gpus(len(workers), len(numbers))
    return Placement("cuda", ",".join(gpus[number] for number in numbers))


def _number(worker: int, resources: Resources, gpus: Sequence[str]) -> int:
    """The GPU of a worker, by its place among those that can be seen."""
    device, have = resources.device, ", ".join(f"cuda:{i}" for i in range(len(gpus))) or "none"
    if device.startswith("cuda:"):
        number = int(device[5:])
    elif resources.workers_per_gpu is not None:
        number = worker // resources.workers_per_gpu
        if number >= len(gpus):
            raise InputError(
                f"{worker + 1} workers with {resources.gpus:g} of a GPU each need {number + 1} GPUs, and those that PyTorch sees "
                f"here are: {have}; give fewer workers, or a smaller part"
            )
    else:
        number = worker % max(1, len(gpus))
    if number >= len(gpus):
        raise InputError(
            f"device {device!r} was asked for, but the GPUs that PyTorch sees here are: {have}; choose one of them, or cpu"
        )
    return number


def visible_gpus() -> list[str]:
    """The GPUs this process may use, by the names that CUDA_VISIBLE_DEVICES gives them."""
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[:count] if given else [str(i) for i in range(count)]
