"""DARTS, first order: gates are the softmax of alphas, which follow the validation gradient as if the weights stood still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.one_shot.options import GradientOptions, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class DARTS(GradientOptions):
    """Liu, Simonyan & Yang 2019, arXiv:1806.09055, Algorithm 1 with xi = 0: gates are softmax(alpha).

    Each step first moves the alphas by the loss on their own half of the training rows, then the weights on the other half.
    `relaxation`: sparsemax in place of the softmax gives unlikely candidates a gate of exactly zero.
    """

    relaxation: Literal["softmax", "sparsemax"] = "softmax"

    paper: ClassVar[str] = "Liu, Simonyan & Yang 2019, DARTS: Differentiable architecture search, arXiv:1806.09055"

    def __post_init__(self) -> None:
        check_options(self, "darts")

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        return self.expected(alphas)

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import RELAXATIONS

        return RELAXATIONS[self.relaxation](alphas.alpha, alphas.mask)

    def temperature(self, done: float) -> None:
        return None
