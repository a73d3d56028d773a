"""The memory layout of tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """Images in channels-last layout, in which depthwise convolutions are fast; series contiguous."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x.contiguous()
