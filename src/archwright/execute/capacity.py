"""What this machine can provide: requesting more is an error, raised before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

from archwright.errors import InputError
from archwright.evaluate.job import Job
from archwright.execute.device_placement import check_places, place, with_device_of
from archwright.execute.process_memory import MB, can_measure
from archwright.execute.resources import Resources
from archwright.execute.threads import threads_per_worker, usable_cpus
from archwright.formatting import plural

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


def check_machine(resources: Resources, workers: int) -> None:
    """Raises InputError if this machine cannot provide the requested resources to each of `workers` workers."""
    check_devices(resources.devices, workers)
    place(resources, [workers - 1])
    check_places(resources, resources.devices, workers)
    check_cores(resources, workers, usable_cpus())
    check_memory(resources, workers, machine_memory_mb())


def check_cores(resources: Resources, workers: int, cpus: int) -> None:
    """Raises InputError if `cpus` cores are too few for the workers."""
    if resources.cpus is not None and resources.cpus * workers > cpus:
        raise InputError(
            f"{plural(workers, 'worker')} with {plural(resources.cpus, 'core')} each would need {resources.cpus * workers}, but "
            f"this machine has {cpus}: request fewer workers, or fewer cpus"
        )


def check_memory(resources: Resources, workers: int, memory: float | None) -> None:
    """Raises InputError if `memory` MB (None: unknown) are too few for the workers."""
    if resources.memory is not None and memory is not None and resources.memory * workers > memory:
        raise InputError(
            f"{plural(workers, 'worker')} with {resources.memory:g} MB each would need {resources.memory * workers:g} MB, but this "
            f"machine has {memory:.0f} MB: request fewer workers, or less memory"
        )


def check_job(job: Job, resources: Resources, workers: int) -> None:
    """Raises InputError if a job requests resources that `workers` workers on this machine cannot provide."""
    check_devices(job.devices, workers)
    check_places(with_device_of(job, resources), job.devices, workers)
    check_limits(job)


def check_limits(job: Job) -> None:
    """Raises InputError if this machine cannot enforce the limits of a job."""
    if job.memory_limit is not None and not can_measure():
        raise InputError("a memory limit needs Linux's /proc, which this system does not have: omit the limit")


def check_devices(devices: int, workers: int) -> None:
    """Raises InputError if a training requests more devices than there are workers."""
    if devices > workers:
        raise InputError(f"a training on {devices} devices takes as many workers, and this run has {workers}: request more workers")


def threads_of(resources: Resources, workers: int) -> int:
    """Threads per training: the requested cores, or else an equal share of this machine's."""
    return resources.cpus if resources.cpus is not None else threads_per_worker(workers)


def machine_memory_mb(limit_file: Path = CGROUP_MEMORY) -> float | None:
    """Memory of this machine in MB (10^6 bytes), or the limit of its container; None if unknown."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MB
    except (ValueError, OSError, AttributeError):
        return None
    try:
        return min(physical, int(limit_file.read_text()) / MB)
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return physical
