"""Lower precision and memory order: what trains a network fastest on the device at hand. Evaluation is always float32.

The rule was measured (batch 128, one core of a CPU with AVX-512 bfloat16; milliseconds a step, channels last):

    network                       MMAC   float32   bfloat16
    residual 3x3, 28x28           20.9     240       162
    residual 3x3, 8x8              3.0      29        22
    residual 3x3, 8x8              0.2       8         8
    depthwise separable, 28x28     3.9     128       169
    MBConv, 8x8                    0.7      26        82
    dense layers                   0.7      10         6
    dense layers                   0.03      0.7       1.0

channels_last was faster than contiguous for every network of two-dimensional convolutions, in either precision.
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from archwright.cost.macs import multiply_accumulates
from archwright.errors import InputError
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.random_state import random_state, restore_random_state

Number = Literal["float32", "bfloat16", "float16"]
LEAST_MACS = 300_000
"""Below this many MACs in dense products, casting costs a CPU more than bfloat16 saves."""
GROUPED_COST = 150
"""A CPU loses about this many times more on a MAC of a grouped convolution in bfloat16 than it gains on a MAC of a dense one."""
WARM_UP_STEPS, GPU_WARM_UP_STEPS, TIMED_STEPS = 1, 3, 2
"""A process's first steps on a GPU load its libraries and kernels, which can take seconds."""
ENOUGH_SECONDS = 2.0
"""Once steps have taken this long, two of them must do."""


@dataclass(frozen=True)
class TrainingPrecision:
    """The numbers that training computes in (weights stay float32), and whether images lie channels last in memory."""

    number: Number = "float32"
    channels_last: bool = False

    def __str__(self) -> str:
        return self.number + ("+channels_last" if self.channels_last else "")

    @classmethod
    def from_text(cls, text: str) -> TrainingPrecision:
        """Reads what `str` wrote."""
        number, _, order = text.partition("+")
        return cls(number, bool(order))  # type: ignore[arg-type]


def choose_precision(asked: str, network: nn.Module, input_shape: tuple[int, ...], device: torch.device) -> TrainingPrecision:
    """By rule, never by the clock, so that the same command gives the same result. asked: a recipe's `precision` but "measure".

    A GPU takes bfloat16, or float16 where it has none; a CPU takes bfloat16 where it computes with it and the network is dominated
    by dense products of some size. Raises InputError for float16 on a CPU.
    """
    if asked == "16" and device.type == "cpu":
        raise InputError("train.precision=16: a CPU does not train in float16; choose auto, bf16 or 32")
    channels_last = len(input_shape) == 3
    if asked != "auto":
        return TrainingPrecision({"32": "float32", "bf16": "bfloat16", "16": "float16"}[asked], channels_last)  # type: ignore[arg-type]
    if device.type == "cuda":
        return TrainingPrecision(
            "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16", channels_last
        )
    fast = device.type == "cpu" and _computes_in_bfloat16() and _gains_from_bfloat16(network, input_shape)
    return TrainingPrecision("bfloat16" if fast else "float32", channels_last)


def precision_options(input_shape: tuple[int, ...], device: torch.device) -> list[TrainingPrecision]:
    """What is worth timing here: both numbers, and on a GPU both orders; on a CPU channels last were always the faster."""
    numbers: list[Number] = ["float32"]
    if device.type == "cuda":
        numbers.append("bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16")
    elif device.type == "cpu" and _computes_in_bfloat16():
        numbers.append("bfloat16")
    orders: tuple[bool, ...] = (False,)
    if len(input_shape) == 3:
        orders = (False, True) if device.type == "cuda" else (True,)
    return [TrainingPrecision(number, order) for number in numbers for order in orders]


def make_fabric(device: torch.device, precision: TrainingPrecision, process_group: ProcessGroup = SINGLE_PROCESS) -> Fabric:
    """Fabric for one device, or for those of a process group, with automatic mixed precision where it is asked for.

    It is told where it is, and so does not look for Slurm or MPI: what those started is the search, and not this training.
    A process group's gradients are averaged by DistributedDataParallel, over nccl on GPUs and gloo elsewhere (see
    `join_process_group`).
    """
    plugin: Precision = Precision()
    if precision.number != "float32":
        scaler = torch.amp.GradScaler(device.type) if precision.number == "float16" else None
        plugin = MixedPrecision("16-mixed" if scaler else "bf16-mixed", device.type, scaler)
    if process_group.size > 1:
        together = DDPStrategy(broadcast_buffers=False, find_unused_parameters=True)
        fabric = Fabric(
            accelerator=device.type, strategy=together, devices=process_group.size, plugins=[LightningEnvironment(), plugin]
        )
        fabric.launch()
        return fabric
    devices: Any = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(accelerator=device.type, devices=devices, plugins=[LightningEnvironment(), plugin])


def time_steps(
    step: Callable[[], Any], device: torch.device, hopeless: float = math.inf, process_group: ProcessGroup = SINGLE_PROCESS
) -> float:
    """Seconds of one step: the mean of a few after a warm-up, as they will be while others train on the same machine.

    Where already the warm-up's last step takes more than `hopeless` seconds, its time is returned. A process group takes steps
    together, and each as long as its slowest process.
    """
    warm_up = GPU_WARM_UP_STEPS if device.type == "cuda" else WARM_UP_STEPS
    times: list[float] = []
    while len(times) < warm_up + TIMED_STEPS and (len(times) <= warm_up or sum(times[warm_up - 1 :]) < ENOUGH_SECONDS):
        _wait_for(device)
        start = time.perf_counter()
        step()
        _wait_for(device)
        times.append(process_group.slowest(time.perf_counter() - start))
        if len(times) == warm_up and times[-1] > hopeless:
            return times[-1]
    return statistics.mean(times[warm_up:])


def dense_and_grouped_macs(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """MACs of one sample in grouped convolutions, and before them in all other products; nothing is computed."""
    grouped = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal grouped
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.groups > 1:
            grouped += output.numel() * math.prod(module.kernel_size) * module.in_channels // module.groups

    shadow = copy.deepcopy(network)
    for module in shadow.modules():
        module.register_forward_hook(count)
    return multiply_accumulates(shadow, input_shape) - grouped, grouped


@contextmanager
def untouched_randomness() -> Iterator[None]:
    """What is drawn inside is not missing outside."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


def _gains_from_bfloat16(network: nn.Module, input_shape: tuple[int, ...]) -> bool:
    dense, grouped = dense_and_grouped_macs(network, input_shape)
    return dense >= LEAST_MACS and dense > GROUPED_COST * grouped


def _computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for it; one that only converts is slower than in float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
