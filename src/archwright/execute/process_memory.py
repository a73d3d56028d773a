"""How much memory another process holds, and whether the system has been ending processes for want of it. Linux: /proc."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1_000_000


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process in MB (10^6 bytes), what it shares with others counted in.

    None if it is gone, or where there is no /proc.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def can_measure() -> bool:
    """Whether `resident_mb` works here."""
    return resident_mb(os.getpid()) is not None


def oom_kills(file: Path = Path("/proc/vmstat")) -> int:
    """How many processes this system has ended for want of memory since it was started; 0 where nobody counts."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
