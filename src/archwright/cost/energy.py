"""Energy, estimated from time: no meter is read. After Lannelongue, Grealey & Inouye 2021, doi:10.1002/advs.202100707.

Differs: memory, cooling and the rest of the house are left out (the paper adds 0.3725 W a GB and multiplies by the data centre's
usage effectiveness), because nobody but the user knows them; numbers of one machine compare well, of two machines poorly.
"""

from __future__ import annotations

import functools
import shutil
import subprocess

CPU_WATTS_PER_CORE = 12.0
"""A CPU core at full load, of whatever make: the paper's data table "TDP per core", row "Any"."""
GPU_WATTS = 200.0
"""A GPU whose power limit cannot be read: the same data's table of GPUs, row "Any"."""
SECONDS_PER_HOUR = 3600.0


def energy_wh(seconds: float, threads: int = 1, device: str = "cpu") -> float:
    """Watt-hours of `seconds` on `threads` CPU cores at full load and, where `device` is a GPU ("cuda", "cuda:1"), on it too."""
    watts = threads * CPU_WATTS_PER_CORE
    if str(device).startswith("cuda"):
        watts += gpu_watts(int(str(device).partition(":")[2] or 0))
    return watts * seconds / SECONDS_PER_HOUR


@functools.cache
def gpu_watts(number: int) -> float:
    """The power limit of GPU `number` in watts as the driver gives it (`nvidia-smi`), else `GPU_WATTS`."""
    if shutil.which("nvidia-smi") is None:
        return GPU_WATTS
    command = ["nvidia-smi", f"--id={number}", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout)
    except (subprocess.SubprocessError, ValueError):
        return GPU_WATTS
