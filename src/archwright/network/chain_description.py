"""What a chain network is, as pure data (no torch): what a space decides, a module is built from, and a drawing shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operation = Literal["conv", "separable", "bottleneck", "mbconv", "linear"]
Connectivity = Literal["plain", "residual", "dense"]
Pooling = Literal["stride", "max", "average"]
Activation = Literal["relu", "silu", "gelu"]


@dataclass(frozen=True)
class Stage:
    """`depth` blocks of one operation at one width.

    `pooling`: how the stage halves its input before the blocks, None where it does not. `kernel` and `expansion` are None where
    the operation has none.
    """

    depth: int
    width: int
    operation: Operation
    connectivity: Connectivity
    kernel: int | None = None
    expansion: int | None = None
    pooling: Pooling | None = None


@dataclass(frozen=True)
class Chain:
    """A stem that reduces the input by `stem_stride`, then the stages, then the mean over positions and one linear layer."""

    stages: tuple[Stage, ...]
    activation: Activation
    stem_stride: int = 1
