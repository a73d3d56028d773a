"""Energy, estimated from time rather than metered. After Lannelongue, Grealey & Inouye 2021, doi:10.1002/advs.202100707.

Differs: memory, cooling and other overheads are left out (the paper adds 0.3725 W per GB and multiplies by the data centre's power
usage effectiveness), because only the user knows them. Compare numbers from the same machine only.
"""

from __future__ import annotations

import functools
import shutil
import subprocess

CPU_WATTS_PER_CORE = 12.0
"""A CPU core of any model at full load: the paper's data table "TDP per core", row "Any"."""
GPU_WATTS = 200.0
"""A GPU whose power limit cannot be read: the table of GPUs in the same data, row "Any"."""
SECONDS_PER_HOUR = 3600.0


def energy_wh(seconds: float, threads: int = 1, device: str = "cpu") -> float:
    """Watt-hours of `seconds` on `threads` CPU cores at full load and, if `device` is a GPU ("cuda", "cuda:1"), on that GPU."""
    watts = threads * CPU_WATTS_PER_CORE
    if str(device).startswith("cuda"):
        watts += gpu_watts(int(str(device).partition(":")[2] or 0))
    return watts * seconds / SECONDS_PER_HOUR


@functools.cache
def gpu_watts(number: int) -> float:
    """The power limit of GPU `number` in watts, as reported by the driver (`nvidia-smi`), else `GPU_WATTS`."""
    if shutil.which("nvidia-smi") is None:
        return GPU_WATTS
    command = ["nvidia-smi", f"--id={number}", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout)
    except (subprocess.SubprocessError, ValueError):
        return GPU_WATTS
