"""A chain network as pure data (no torch): decided by the space, built into a module, and drawn in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Operation = Literal["conv", "separable", "bottleneck", "mbconv", "linear"]
Connectivity = Literal["plain", "residual", "dense"]
Pooling = Literal["stride", "max", "average"]
Activation = Literal["relu", "silu", "gelu"]


@dataclass(frozen=True)
class ChainStage:
    """`depth` blocks of one operation at one width.

    `pooling`: how the stage halves its input before the blocks; None if it does not. `kernel` and `expansion` are None for
    operations without them.
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

    stages: tuple[ChainStage, ...]
    activation: Activation
    stem_stride: int = 1


@dataclass(frozen=True)
class ChainStageOptions:
    """The possible stages at one position of a chain: any operation with any of the widths and depths, both ascending.

    `operations`: by name, as stages of the largest width and depth.
    """

    operations: Mapping[str, ChainStage]
    widths: tuple[int, ...]
    depths: tuple[int, ...]

    @classmethod
    def of(cls, stages: Sequence[ChainStage]) -> ChainStageOptions:
        """`stages`: all combinations of operation (with kernel and expansion), width and depth, otherwise equal."""
        widths, depths = (tuple(sorted({getattr(stage, what) for stage in stages})) for what in ("width", "depth"))
        largest = [stage for stage in stages if (stage.width, stage.depth) == (widths[-1], depths[-1])]
        return cls({operation_name(stage): stage for stage in largest}, widths, depths)

    @property
    def largest(self) -> ChainStage:
        """A stage of the largest width and depth."""
        return next(iter(self.operations.values()))

    @property
    def candidates(self) -> dict[str, tuple[str, ...]]:
        """The options of each question about the stage, as texts."""
        return {"operation": tuple(self.operations), "width": _texts(self.widths), "depth": _texts(self.depths)}

    def stage(self, operation: str, width: str, depth: str) -> ChainStage:
        """The stage with these answers."""
        return replace(self.operations[operation], width=int(width), depth=int(depth))


@dataclass(frozen=True)
class ChainOptions:
    """The chains that one supernet holds: any of the possible stages at each position."""

    places: tuple[ChainStageOptions, ...]
    activation: Activation
    stem_stride: int = 1

    @property
    def candidates(self) -> dict[str, tuple[str, ...]]:
        """The options of "stage0/operation", "stage0/width", "stage0/depth" and so on."""
        return {f"stage{i}/{what}": texts for i, place in enumerate(self.places) for what, texts in place.candidates.items()}

    def chain(self, answers: Mapping[str, str]) -> Chain:
        """The chain with these answers."""
        stages = [
            place.stage(**{what: answers[f"stage{i}/{what}"] for what in place.candidates}) for i, place in enumerate(self.places)
        ]
        return Chain(tuple(stages), self.activation, self.stem_stride)


def answers_of(chain: Chain) -> dict[str, str]:
    """The inverse of `ChainOptions.chain`."""
    answers: dict[str, str] = {}
    for i, stage in enumerate(chain.stages):
        given = {"operation": operation_name(stage), "width": str(stage.width), "depth": str(stage.depth)}
        answers |= {f"stage{i}/{what}": text for what, text in given.items()}
    return answers


def operation_name(stage: ChainStage) -> str:
    """The operation of a stage, with kernel and expansion if it has them: "conv 3", "bottleneck", "mbconv 5 x4"."""
    parts = [stage.operation, stage.kernel, f"x{stage.expansion}" if stage.expansion else None]
    return " ".join(str(part) for part in parts if part is not None)


def _texts(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(map(str, numbers))
