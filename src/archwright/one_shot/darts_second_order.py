"""Second-order DARTS: the gradient of the alphas is taken after one unrolled step of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.one_shot.options import GradientOptions, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class DARTSSecondOrder(GradientOptions):
    """Second-order DARTS, xi = the weights' learning rate (Liu, Simonyan & Yang 2019, arXiv:1806.09055, Algorithm 1).

    Gates are softmax(alpha). The gradient of the alphas is equation 7, with the Hessian-vector product approximated by the finite
    differences of equation 8 (`second_order.py`). A step costs about three times as much as a first-order step.
    """

    relaxation: Literal["softmax", "sparsemax"] = "softmax"

    paper: ClassVar[str] = "liu2019"
    second_order: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self, "darts_second_order")

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        return self.expected(alphas)

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import RELAXATIONS

        return RELAXATIONS[self.relaxation](alphas.alpha, alphas.mask)

    def temperature(self, done: float) -> None:
        return None
