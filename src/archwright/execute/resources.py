"""What trainings are given: how many run at a time, and the cores, share of a GPU and memory of each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from archwright.errors import InputError


@dataclass(frozen=True)
class Resources:
    """`workers`: trainings at a time (None: the executor's default). `address`: of an existing cluster to join.

    Each training has `cpus` cores (None: an equal share), a share `gpus` of one GPU (0 to 1; None: the GPUs in turn, if any) and
    `memory` MB (None: no limit). `device`: "auto", "cpu", "cuda" or "cuda:N", for jobs that leave it at "auto". `devices`: the
    most that one training will take.
    Raises InputError for what no machine could provide; an executor raises it for what its own machines cannot.
    """

    workers: int | None = None
    cpus: int | None = None
    gpus: float | None = None
    memory: float | None = None
    device: str = "auto"
    address: str | None = None
    devices: int = 1

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"workers is {self.workers}: give a whole number of at least 1")
        if self.cpus is not None and self.cpus < 1:
            raise InputError(f"cpus is {self.cpus}: give the cores per training as a whole number of at least 1")
        if self.gpus is not None and not 0 <= self.gpus <= 1:
            raise InputError(
                f"gpus is {self.gpus:g}: give the share of one GPU per training, from 0 to 1; for several GPUs see devices"
            )
        if self.memory is not None and not 0 < self.memory < math.inf:
            raise InputError(f"memory is {self.memory:g}: give the MB per training as a number above zero")
        check_device(self.device)
        if self.gpus and self.device == "cpu":
            raise InputError(f"gpus is {self.gpus:g} but the device is cpu: omit one of them")
        if self.gpus == 0 and self.device.startswith("cuda"):
            raise InputError(f"gpus is 0 but the device is {self.device}: omit one of them")

    @property
    def workers_per_gpu(self) -> int | None:
        """How many trainings share a GPU; None if not specified."""
        return math.floor(1 / self.gpus + 1e-9) if self.gpus else None

    @property
    def wants_gpus(self) -> bool:
        """Whether a training must have a GPU: without one it would fall back to the CPU silently."""
        return bool(self.gpus) or self.device.startswith("cuda")


def check_device(device: str) -> None:
    """Raises InputError if this is not the name of a device."""
    if device != "cpu" and not re.fullmatch(r"auto|cuda(:\d+)?", device):
        raise InputError(f"there is no device {device!r}: choose from auto, cpu, cuda, cuda:0, cuda:1, ...")
