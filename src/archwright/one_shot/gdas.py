"""GDAS: each step trains one sampled path, and the alphas learn through a straight-through Gumbel-softmax."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.darts import DARTS
from archwright.one_shot.method import GradientMethod, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class GDAS(GradientMethod):
    """GDAS: gates are one-hot Gumbel-max samples with soft gradients (Dong & Yang 2019, arXiv:1910.04465, Algorithm 1).

    Gates and gradients are those of equations 3 to 7. The temperature (tau) falls linearly from `first_temperature` to
    `last_temperature`. The two updates of Algorithm 1, of the weights (omega) by the loss on D_T and of the alphas (A) by that on
    D_V, are the steps of DARTS, each with a path of its own.
    Differs: the alphas are updated before the weights, as in DARTS.
    """

    first_temperature: float = 10.0
    last_temperature: float = 0.1

    paper: ClassVar[str] = "dong2019"

    def __post_init__(self) -> None:
        check_options(self, "gdas", first_temperature=(1e-3, inf), last_temperature=(1e-3, inf))

    step = DARTS.step

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import gumbel_softmax, straight_through

        return straight_through(gumbel_softmax(alphas.alpha, alphas.mask, self.temperature(done), draw))

    def temperature(self, done: float) -> float:
        return self.first_temperature + (self.last_temperature - self.first_temperature) * done
