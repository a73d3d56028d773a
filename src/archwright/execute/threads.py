"""How the processor's cores are shared among the workers."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def threads_per_worker(workers: int) -> int:
    """An equal share of the cores for each of `workers`, at least one."""
    return max(1, usable_cpus() // workers)


def usable_cpus(quota_file: Path = CGROUP_QUOTA) -> int:
    """The cores that this process may use: those that Slurm or `taskset` assigned, within the limit of its container."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, _container_quota(quota_file) or cpus)


def _container_quota(file: Path) -> int | None:
    """Whole cores allowed by the control group, whose file reads "200000 100000" (microseconds per period) or "max 100000"."""
    try:
        allowed, period = file.read_text().split()
        return max(1, int(allowed) // int(period))
    except (OSError, ValueError):
        return None


def limit_threads(threads: int) -> None:
    """Set the number of threads of this process and of those that it starts."""
    import torch  # heavy

    torch.set_num_threads(threads)
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
