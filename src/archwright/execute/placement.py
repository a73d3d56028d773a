"""On which device a worker trains: each worker sees only its own GPU."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from archwright.errors import InputError


@dataclass(frozen=True)
class Placement:
    """What a training is told (`device`), and what CUDA may see in its process (`visible`; None: as it is)."""

    device: str
    visible: str | None


def place(device: str, worker: int) -> Placement:
    """Where worker number `worker` trains for "auto", "cpu", "cuda" (the GPUs in turn) or "cuda:N" (that one).

    "auto" is a GPU if there is any. Raises InputError for a GPU that is not there: nobody falls back to the CPU in silence.
    """
    if device == "cpu":
        return Placement("cpu", "")
    if not re.fullmatch(r"auto|cuda(:\d+)?", device):
        raise InputError(f"there is no device {device!r}: choose from auto, cpu, cuda, cuda:0, cuda:1, ...")
    gpus = visible_gpus()
    if device == "auto" and not gpus:
        return Placement("auto", None)
    number = int(device[5:]) if ":" in device else worker % max(1, len(gpus))
    if number >= len(gpus):
        have = ", ".join(f"cuda:{i}" for i in range(len(gpus))) or "none"
        raise InputError(
            f"device {device!r} was asked for, but the GPUs that PyTorch sees here are: {have}; choose one of them, or cpu"
        )
    return Placement("cuda", gpus[number])


def visible_gpus() -> list[str]:
    """The GPUs this process may use, by the names that CUDA_VISIBLE_DEVICES gives them."""
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[:count] if given else [str(i) for i in range(count)]
