"""What this machine can give: more is an error, said before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

from archwright.errors import InputError
from archwright.evaluate.job import Job
from archwright.execute.device_placement import check_places, place, with_device_of
from archwright.execute.process_memory import MB, can_measure
from archwright.execute.resources import Resources
from archwright.execute.threads import threads_per_worker, usable_cpus

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


def check_machine(resources: Resources, workers: int) -> None:
    """Raises InputError where this machine cannot give each of so many workers what a training is to have."""
    check_devices(resources.devices, workers)
    place(resources, [workers - 1])
    check_places(resources, resources.devices, workers)
    check_cores(resources, workers, usable_cpus())
    check_memory(resources, workers, machine_memory_mb())


def check_cores(resources: Resources, workers: int, cpus: int) -> None:
    """Raises InputError where so many cores are too few for the workers on them."""
    if resources.cpus is not None and resources.cpus * workers > cpus:
        raise InputError(
            f"{workers} workers with {resources.cpus} cores each need {resources.cpus * workers}, and this machine gives {cpus}: "
            "give fewer workers, or fewer cpus"
        )


def check_memory(resources: Resources, workers: int, memory: float | None) -> None:
    """Raises InputError where so many MB are too few for the workers that share them; None is not known."""
    if resources.memory is not None and memory is not None and resources.memory * workers > memory:
        raise InputError(
            f"{workers} workers with {resources.memory:g} MB each need {resources.memory * workers:g} MB, and this machine has "
            f"{memory:.0f}: give fewer workers, or less memory"
        )


def check_job(job: Job, resources: Resources, workers: int) -> None:
    """Raises InputError where a job asks for what so many workers on this machine cannot give."""
    check_devices(job.devices, workers)
    check_places(with_device_of(job, resources), job.devices, workers)
    check_limits(job)


def check_limits(job: Job) -> None:
    """Raises InputError where this machine cannot hold a job to its limits."""
    if job.memory_limit is not None and not can_measure():
        raise InputError("a memory limit needs Linux's /proc, which is not here: leave the limit out")


def check_devices(devices: int, workers: int) -> None:
    """Raises InputError where a training asks for more devices than there are workers."""
    if devices > workers:
        raise InputError(f"a training on {devices} devices takes as many workers, and there are {workers}: give more workers")


def threads_of(resources: Resources, workers: int) -> int:
    """Threads of a training: the cores that were asked for, else an equal share of this machine's."""
    return resources.cpus if resources.cpus is not None else threads_per_worker(workers)


def machine_memory_mb(limit_file: Path = CGROUP_MEMORY) -> float | None:
    """Memory of this machine in MB (10^6 bytes), or what its container is allowed; None where nobody says."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MB
    except (ValueError, OSError, AttributeError):
        return None
    try:
        return min(physical, int(limit_file.read_text()) / MB)
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return physical
