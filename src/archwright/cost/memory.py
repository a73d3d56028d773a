"""Memory in MB (10^6 bytes): the peak of this process or its GPU, and what a training will need."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from torch import nn

MB = 1_000_000
STATUS = Path("/proc/self/status")
OPTIMIZER_COPIES = {"sgd": 1, "adamw": 2, "nt_asgd": 1}
"""Numbers kept per weight beside the weight and its gradient: momentum; first and second moment; the mean."""


def peak_memory_mb(device: str | torch.device = "cpu") -> float:
    """The most this process has held since it began: resident memory, or on a GPU what PyTorch had allocated there."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MB
    return _peak_resident_bytes() / MB


def _peak_resident_bytes() -> int:
    if STATUS.is_file():
        # The high-water mark of this process alone; `ru_maxrss` would also remember the process it was forked from.
        line = next((line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    import resource  # not on Windows, where there is no such file either

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def training_memory_mb(module: nn.Module, input_shape: tuple[int, ...], batch_size: int, optimizer: str = "sgd") -> float:
    """MB that training will hold beyond the bare process, foretold: weights, gradients, optimizer state, kept activations.

    input_shape: of one sample. Activations are what autograd keeps for a batch's backward pass in float32, counted on the meta
    device. Scratch space of the kernels is not in it, so read it as a lower bound.
    """
    shadow = copy.deepcopy(module).to("meta").train()
    weights = sum(_bytes(parameter) for parameter in shadow.parameters())
    return ((2 + OPTIMIZER_COPIES[optimizer]) * weights + _kept_activations(shadow, (batch_size, *input_shape))) / MB


def _kept_activations(shadow: nn.Module, shape: tuple[int, ...]) -> int:
    """Bytes that the forward pass leaves behind for the backward pass, each storage once, weights not counted."""
    weights = {_storage(tensor) for tensor in [*shadow.parameters(), *shadow.buffers()]}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if _storage(tensor) not in weights:
            kept[_storage(tensor)] = tensor  # held here, or its storage's number would be given to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = shadow(torch.empty(shape, device="meta"))
    del output
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
