"""Memory in MB (10^6 bytes): the peak of this process or its GPU, and an estimate for a training."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from torch import nn

MB = 1_000_000
STATUS = Path("/proc/self/status")
OPTIMIZER_COPIES = {"sgd": 1, "adamw": 2, "nt_asgd": 1}
"""Numbers stored per weight besides the weight and its gradient: momentum; first and second moment; the mean."""


def peak_memory_mb(device: str | torch.device = "cpu") -> float:
    """The peak since this process began: resident memory, or on a GPU the memory that PyTorch allocated."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MB
    return _peak_resident_bytes() / MB


def _peak_resident_bytes() -> int:
    if STATUS.is_file():
        # The high-water mark of this process alone; `ru_maxrss` would also remember the process it was forked from.
        line = next((line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    import resource  # does not exist on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def training_memory_mb(module: nn.Module, input_shape: tuple[int, ...], batch_size: int, optimizer: str = "sgd") -> float:
    """Estimated MB that training needs on top of the process itself: weights, gradients, optimizer state, saved activations.

    input_shape: of one sample. Activations are what autograd saves for a batch's backward pass in float32, counted on the meta
    device. Kernel workspace is not included, so this is a lower bound.
    """
    shadow = copy.deepcopy(module).to("meta").train()
    weights = sum(_bytes(parameter) for parameter in shadow.parameters())
    return ((2 + OPTIMIZER_COPIES[optimizer]) * weights + _saved_activations(shadow, (batch_size, *input_shape))) / MB


def _saved_activations(shadow: nn.Module, shape: tuple[int, ...]) -> int:
    """Bytes that the forward pass saves for the backward pass; each storage counts once, weights do not count."""
    weights = {_storage(tensor) for tensor in [*shadow.parameters(), *shadow.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        if _storage(tensor) not in weights:
            saved[_storage(tensor)] = tensor  # kept alive, so that its storage's address is not reused
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        output = shadow(torch.empty(shape, device="meta"))
    del output
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
