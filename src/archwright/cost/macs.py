"""Multiply-accumulate operations (MACs): the usual machine-independent measure of a network's computation."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_accumulates(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """MACs of one sample's forward pass in convolutions and matrix products; the rest (norms, activations) is not counted.

    input_shape: of one sample, without the batch dimension. Nothing is computed: the pass runs on the meta device, on a copy of
    `module`, so its weights, running statistics and mode do not change.
    """
    shadow = copy.deepcopy(module).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, *input_shape, device="meta"))
    return int(counter.get_total_flops()) // 2  # one MAC is two operations: a multiplication and an addition
