"""The measured latency of a network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def latency_ms(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 1,
    repeats: int = 20,
    warm_up: int = 5,
) -> float:
    """Median milliseconds of one forward pass of (batch_size, *input_shape) in evaluation mode, after `warm_up` passes.

    `module` is moved to `device` for the measurement and back, and its mode is restored. Each repeat waits for the device.
    """
    device = torch.device(device)
    x = torch.zeros(batch_size, *input_shape, device=device)
    with _evaluating_on(module, device), torch.no_grad():
        times = [_seconds(module, x) for _ in range(warm_up + repeats)]
    return 1000 * statistics.median(times[warm_up:])


def _seconds(module: nn.Module, x: torch.Tensor) -> float:
    _wait_for(x.device)
    start = time.perf_counter()
    module(x)
    _wait_for(x.device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    """GPU kernels run asynchronously: wait until they have finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _evaluating_on(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Put `module` on `device` in evaluation mode; afterwards restore its device and the mode of each submodule."""
    modes = [(part, part.training) for part in module.modules()]
    original_device = next((tensor.device for tensor in module.parameters()), device)
    module.to(device).eval()
    try:
        yield
    finally:
        module.to(original_device)
        for part, training in modes:
            part.training = training
