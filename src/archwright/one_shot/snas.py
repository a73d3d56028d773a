"""SNAS: gates are a soft Gumbel-softmax sample, and one loss trains the weights and the alphas together."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.darts import DARTS, joint_step
from archwright.one_shot.method import GradientMethod, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas
    from archwright.one_shot.gradient_based.gradient_search import GradientSearch


@dataclass(frozen=True)
class SNAS(GradientMethod):
    """SNAS: gates are a concrete (Gumbel-softmax) sample with annealed temperature (Xie et al. 2019, arXiv:1812.09926).

    The temperature (lambda) falls geometrically from `first_temperature` to `last_temperature`; the paper gives neither, the
    defaults are common values. `single_level`, as in the paper: weights and alphas share each batch of all training rows and one
    backward pass; otherwise the alphas have separate rows, as in DARTS.
    """

    first_temperature: float = 1.0
    last_temperature: float = 0.1
    single_level: bool = True

    paper: ClassVar[str] = "xie2019"

    def __post_init__(self) -> None:
        check_options(self, "snas", first_temperature=(1e-3, inf), last_temperature=(1e-3, inf))

    def step(self, search: GradientSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (theta) and alphas descend the loss of one sample Z of the gates, L_theta(Z)."""
        return joint_step(search, x, y) if self.single_level else DARTS.step(self, search, x, y)

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        """Z of the paper, a sample of the concrete distribution."""
        from archwright.one_shot.gradient_based.relaxation import gumbel_softmax

        return gumbel_softmax(alphas.alpha, alphas.mask, self.temperature(done), draw)

    def temperature(self, done: float) -> float:
        return float(self.first_temperature * (self.last_temperature / self.first_temperature) ** done)
