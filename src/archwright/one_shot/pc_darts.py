"""PC-DARTS: partial channel connections, and edge normalisation over the edges into a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.options import GradientOptions, check_options

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class PCDARTS(GradientOptions):
    """PC-DARTS: DARTS on 1/`partial_channels` (1/K) of the channels, with edge normalisation (Xu et al. 2020, arXiv:1907.05737).

    Gates are softmax(alpha) times softmax(beta) over the edges into a node (eq. 3). The alphas are updated after 15 of 50 epochs.
    Differs: the learning rate of the weights is that of DARTS, 0.025 for batches of 64; the paper's 0.1 is for batches of 256.
    """

    partial_channels: int = 4
    warmup: float = 0.3
    least_learning_rate: float = 0.0

    paper: ClassVar[tuple[str, ...]] = ("xu2020", "liu2019")
    published_alpha_rate: ClassVar[float] = 6e-4
    edge_normalisation: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self, "pc_darts")

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        return self.expected(alphas)

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import softmax

        return softmax(alphas.alpha, alphas.mask) * alphas.edge_shares()

    def temperature(self, done: float) -> None:
        return None
