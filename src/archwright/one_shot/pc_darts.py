"""PC-DARTS: partial channel connections, and edge normalisation over the edges into a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.darts import DARTS
from archwright.one_shot.method import GradientMethod, check_options

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas


@dataclass(frozen=True)
class PCDARTS(GradientMethod):
    """PC-DARTS: DARTS on 1/`partial_channels` (1/K) of the channels, with edge normalisation (Xu et al. 2020, arXiv:1907.05737).

    Steps are those of DARTS, on a supernet with partial channels (eq. 2). Gates are softmax(alpha) times softmax(beta) over the
    edges into a node (eq. 3); the betas learn with the alphas, which are updated after 15 of 50 epochs.
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

    step = DARTS.step

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import softmax

        return softmax(alphas.alpha, alphas.mask) * alphas.edge_shares()
