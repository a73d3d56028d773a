"""Precision and memory format: which of them train a network fastest on a device. Evaluation is always in float32.

The rule is based on measurements (batch 128, one core of a CPU with AVX-512 bfloat16; milliseconds per step, channels last):

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
"""Below this many MACs in dense products, casting costs a CPU more time than bfloat16 saves."""
GROUPED_COST = 150
"""In bfloat16, a CPU loses about this many times more time on a MAC of a grouped convolution than it gains on a dense MAC."""
WARM_UP_STEPS, GPU_WARM_UP_STEPS, TIMED_STEPS = 1, 3, 2
"""The first steps of a process on a GPU load libraries and kernels, which can take seconds."""
ENOUGH_SECONDS = 2.0
"""No further step is timed once the timed ones, with the last warm-up step, have taken this long."""


@dataclass(frozen=True)
class TrainingPrecision:
    """The number format of training (weights stay float32), and whether images are stored channels last."""

    number: Number = "float32"
    channels_last: bool = False

    def __str__(self) -> str:
        return self.number + ("+channels_last" if self.channels_last else "")

    @classmethod
    def from_text(cls, text: str) -> TrainingPrecision:
        """Parse what `str` returned."""
        number, _, order = text.partition("+")
        return cls(number, bool(order))  # type: ignore[arg-type]


def choose_precision(asked: str, network: nn.Module, input_shape: tuple[int, ...], device: torch.device) -> TrainingPrecision:
    """Choose by rule, not by the clock, so that the same command gives the same result. asked: `Recipe.precision` except "measure".

    A GPU uses bfloat16 if it supports it, else float16; a CPU uses bfloat16 if it has instructions for it and the network is
    dominated by sufficiently large dense products. Raises InputError for float16 on a CPU.
    """
    if asked == "16" and device.type == "cpu":
        raise InputError("train.precision=16: a CPU cannot train in float16; choose auto, bf16 or 32")
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
    """The options worth timing: both number formats and, on a GPU, both memory formats; on a CPU channels last is always faster."""
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
    """Fabric for one device or those of a process group, with automatic mixed precision if requested.

    The environment is given explicitly, so that Fabric does not detect Slurm or MPI, which started the search, not this training.
    A process group's gradients are averaged by DistributedDataParallel, over nccl on GPUs and gloo elsewhere (see
    `join_process_group`).
    """
    plugin: Precision = Precision()
    if precision.number != "float32":
        scaler = torch.amp.GradScaler(device.type) if precision.number == "float16" else None
        plugin = MixedPrecision("16-mixed" if scaler else "bf16-mixed", device.type, scaler)
    if process_group.size > 1:
        strategy = DDPStrategy(broadcast_buffers=False, find_unused_parameters=True)
        fabric = Fabric(
            accelerator=device.type, strategy=strategy, devices=process_group.size, plugins=[LightningEnvironment(), plugin]
        )
        fabric.launch()
        return fabric
    devices: Any = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(accelerator=device.type, devices=devices, plugins=[LightningEnvironment(), plugin])


def time_steps(
    step: Callable[[], Any], device: torch.device, hopeless: float = math.inf, process_group: ProcessGroup = SINGLE_PROCESS
) -> float:
    """Seconds of one step: the mean of a few after a warm-up, under the current load of the machine.

    If the last warm-up step takes more than `hopeless` seconds, its time is returned. A process group takes steps together, each of
    which takes as long as its slowest process.
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
    """MACs of one sample: (in all other products, in grouped convolutions). Nothing is computed."""
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
    """Random numbers drawn inside do not affect those drawn afterwards."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


def _gains_from_bfloat16(network: nn.Module, input_shape: tuple[int, ...]) -> bool:
    dense, grouped = dense_and_grouped_macs(network, input_shape)
    return dense >= LEAST_MACS and dense > GROUPED_COST * grouped


def _computes_in_bfloat16() -> bool:
    """Whether the processor has bfloat16 arithmetic; one that only converts is slower than in float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
