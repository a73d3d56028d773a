"""Multiply-accumulates: the usual size of a network's work, independent of the machine."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_accumulates(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """MACs of one sample's forward pass in the convolutions and matrix products; the rest (norms, activations) does not count.

    input_shape: of one sample, without the batch. Nothing is computed: the pass runs on the meta device, on a copy of `module`,
    so its weights, running statistics and mode stay as they are.
    """
    shadow = copy.deepcopy(module).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, *input_shape, device="meta"))
    return int(counter.get_total_flops()) // 2  # a multiplication and an addition are two operations and one MAC
