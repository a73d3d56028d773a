"""On which device a training runs on this machine: each process sees only its own GPU, or the GPUs of its devices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archwright.errors import InputError
from archwright.evaluate.job import Job
from archwright.execute.resources import Resources, check_device
from archwright.formatting import plural


@dataclass(frozen=True)
class Placement:
    """The device a training is given (`device`), and CUDA_VISIBLE_DEVICES of its process (`visible`; None: unchanged)."""

    device: str
    visible: str | None


def place_job(job: Job, resources: Resources, workers: Sequence[int], gpus: Sequence[str] | None = None) -> Placement:
    """The placement of a job that occupies these workers; its own device overrides the common one. See `place`."""
    return place(with_device_of(job, resources), workers, gpus)


def with_device_of(job: Job, resources: Resources) -> Resources:
    """The resources with the job's own device, which overrides the common one."""
    return resources if job.device == "auto" else replace(resources, device=job.device)


def choose_workers(job: Job, resources: Resources, free: Sequence[int]) -> tuple[int, ...] | None:
    """The free workers that the job will occupy, each on a GPU of its own where there are GPUs. None if there are too few."""
    chosen = _one_of_each_gpu(with_device_of(job, resources), free)
    return tuple(chosen[: job.devices]) if len(chosen) >= job.devices else None


def check_places(resources: Resources, devices: int, workers: int) -> None:
    """Raises InputError if `workers` workers have too few GPUs between them for a training on `devices` devices."""
    gpus = len(_one_of_each_gpu(resources, range(workers)))
    if gpus < min(devices, workers):
        raise _too_few_gpus(devices, gpus)


def _one_of_each_gpu(resources: Resources, workers: Sequence[int]) -> list[int]:
    """The first of these workers on each GPU; all of them if there is no GPU."""
    chosen: dict[str, int] = {}
    for worker in workers:
        chosen.setdefault(place(resources, [worker]).visible or f"worker {worker}", worker)
    return list(chosen.values())


def _too_few_gpus(devices: int, gpus: int) -> InputError:
    return InputError(
        f"a training on {devices} devices needs as many GPUs, but has {gpus}: request fewer devices, or the device cpu"
    )


def place(resources: Resources, workers: Sequence[int], gpus: Sequence[str] | None = None) -> Placement:
    """The placement of a training that occupies these workers, one per device; workers are numbered from 0.

    "auto" is a GPU if there is one, "cuda" a GPU for each worker in turn, "cuda:N" that GPU. `gpus`: those of the machine that
    trains, as CUDA_VISIBLE_DEVICES names them, if it is not this one. Raises InputError for a GPU that does not exist, or if there
    are too few GPUs for the requested shares: there is no silent fallback to the CPU.
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
    """The GPU of a worker, as an index into the visible ones."""
    device, have = resources.device, ", ".join(f"cuda:{i}" for i in range(len(gpus))) or "none"
    if device.startswith("cuda:"):
        number = int(device[5:])
    elif resources.workers_per_gpu is not None:
        number = worker // resources.workers_per_gpu
        if number >= len(gpus):
            raise InputError(
                f"{plural(worker + 1, 'worker')} with {resources.gpus:g} of a GPU each would need {plural(number + 1, 'GPU')}, but "
                f"the GPUs that PyTorch sees here are: {have}; request fewer workers, or a smaller share"
            )
    else:
        number = worker % max(1, len(gpus))
    if number >= len(gpus):
        raise InputError(
            f"device {device!r} was requested, but the GPUs that PyTorch sees here are: {have}; choose one of them, or cpu"
        )
    return number


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[:count] if given else [str(i) for i in range(count)]
