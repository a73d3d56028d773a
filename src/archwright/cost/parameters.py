"""The number of trainable parameters of a network."""

from __future__ import annotations

from torch import nn


def parameter_count(module: nn.Module) -> int:
    """Trainable parameters of `module`; shared ones count once, running statistics of batch norms do not count."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
