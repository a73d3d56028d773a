"""What trainings are given: how many run at a time, and the cores, the part of a GPU and the memory of each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from archwright.errors import InputError


@dataclass(frozen=True)
class Resources:
    """`workers`: trainings at a time; None is as many as an executor has by itself. `address`: of a cluster that is there already.

    Each training has `cpus` cores (None: an equal share of them), `gpus` of one GPU (0 to 1; None: the GPUs in turn, where there
    are any) and `memory` MB (None: without a limit). `device`: "auto", "cpu", "cuda" or "cuda:N", for jobs that leave it "auto".
    `devices`: the most that one training will take.
    Raises InputError for what no machine could give; an executor raises it for what its own cannot.
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
            raise InputError(f"{self.workers} workers cannot work: give a whole number from 1 up")
        if self.cpus is not None and self.cpus < 1:
            raise InputError(f"a training cannot have {self.cpus} cores: give cpus as a whole number from 1 up")
        if self.gpus is not None and not 0 <= self.gpus <= 1:
            raise InputError(
                f"gpus is {self.gpus:g}: give the part of one GPU that a training has, from 0 to 1; for more see devices"
            )
        if self.memory is not None and not 0 < self.memory < math.inf:
            raise InputError(f"a training cannot have {self.memory:g} MB: give memory as a number above zero")
        check_device(self.device)
        if self.gpus and self.device == "cpu":
            raise InputError(f"gpus is {self.gpus:g} and the device is cpu: leave one of them out")
        if self.gpus == 0 and self.device.startswith("cuda"):
            raise InputError(f"gpus is 0 and the device is {self.device}: leave one of them out")

    @property
    def workers_per_gpu(self) -> int | None:
        """How many trainings share a GPU; None where that is not said."""
        return math.floor(1 / self.gpus + 1e-9) if self.gpus else None

    @property
    def wants_gpus(self) -> bool:
        """Whether a training must have a GPU, or has been refused one in silence."""
        return bool(self.gpus) or self.device.startswith("cuda")


def check_device(device: str) -> None:
    """Raises InputError for what is no device's name."""
    if device != "cpu" and not re.fullmatch(r"auto|cuda(:\d+)?", device):
        raise InputError(f"there is no device {device!r}: choose from auto, cpu, cuda, cuda:0, cuda:1, ...")
