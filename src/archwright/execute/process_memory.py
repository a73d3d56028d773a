"""How much memory another process holds, and whether the system has killed processes for lack of it. Linux: /proc."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1_000_000


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process in MB (10^6 bytes), including what it shares with others.

    None if it has exited, or without /proc.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def family_mb(pid: int) -> float | None:
    """Memory of a process and all its descendants in MB (10^6 bytes), shared pages counted once.

    None if it has exited, or without /proc.
    """
    own = _proportional_mb(pid)
    return None if own is None else own + sum(family_mb(child) or 0.0 for child in children(pid))


def _proportional_mb(pid: int) -> float | None:
    """Each shared page is divided by the number of processes that map it; old kernels do not tell, and it counts in full."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / MB for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident_mb(pid)


def children(pid: int) -> list[int]:
    """The living child processes of a process; none if unknown."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def can_measure() -> bool:
    """Whether `resident_mb` works here."""
    return resident_mb(os.getpid()) is not None


def oom_kills(file: Path = Path("/proc/vmstat")) -> int:
    """How many processes this system has killed for lack of memory since boot; 0 if unknown."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
