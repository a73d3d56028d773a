"""First-order DARTS: gates are the softmax of the alphas, whose gradient treats the weights as constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.one_shot.options import GradientOptions, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class DARTS(GradientOptions):
    """First-order DARTS, xi = 0: gates are softmax(alpha) (Liu, Simonyan & Yang 2019, arXiv:1806.09055, Algorithm 1).

    Each step updates the alphas by the loss on their own half of the training rows, then the weights by that on the other half.
    `relaxation`: sparsemax instead of softmax gives unlikely candidates a gate of exactly zero.
    """

    relaxation: Literal["softmax", "sparsemax"] = "softmax"

    paper: ClassVar[str] = "liu2019"

    def __post_init__(self) -> None:
        check_options(self, "darts")

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        return self.expected(alphas)

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import RELAXATIONS

        return RELAXATIONS[self.relaxation](alphas.alpha, alphas.mask)

    def temperature(self, done: float) -> None:
        return None
