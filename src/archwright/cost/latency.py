"""How long a network takes for one sample, measured."""

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

    `module` is moved to `device` for the measurement and back; its mode stays as it was. Each repeat waits for the device.
    """
    device = torch.device(device)
    x = torch.zeros(batch_size, *input_shape, device=device)
    with _lent(module, device), torch.no_grad():
        times = [_seconds(module, x) for _ in range(warm_up + repeats)]
    return 1000 * statistics.median(times[warm_up:])


def _seconds(module: nn.Module, x: torch.Tensor) -> float:
    _wait_for(x.device)
    start = time.perf_counter()
    module(x)
    _wait_for(x.device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    """A GPU only takes notes of what it is asked: wait until it has done it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _lent(module: nn.Module, device: torch.device) -> Iterator[None]:
    """`module` on `device` in evaluation mode; afterwards on its own device with each part in its own mode."""
    modes = [(part, part.training) for part in module.modules()]
    home = next((tensor.device for tensor in module.parameters()), device)
    module.to(device).eval()
    try:
        yield
    finally:
        module.to(home)
        for part, training in modes:
            part.training = training
