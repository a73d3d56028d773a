"""First-order DARTS: gates are the softmax of the alphas, whose gradient treats the weights as constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.one_shot.method import GradientMethod, check_options

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas
    from archwright.one_shot.gradient_based.gradient_search import GradientSearch


@dataclass(frozen=True)
class DARTS(GradientMethod):
    """First-order DARTS, xi = 0: gates are softmax(alpha) (Liu, Simonyan & Yang 2019, arXiv:1806.09055, Algorithm 1).

    Each step updates the alphas by the loss on their own half of the training rows, then the weights by that on the other half.
    `relaxation`: sparsemax instead of softmax gives unlikely candidates a gate of exactly zero.
    """

    relaxation: Literal["softmax", "sparsemax"] = "softmax"

    paper: ClassVar[str] = "liu2019"

    def __post_init__(self) -> None:
        check_options(self, "darts")

    def step(self: GradientMethod, search: GradientSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One pass through the loop of Algorithm 1. w are the weights; L_val is on the alphas' rows. Also for PC-DARTS and GDAS."""
        if self.single_level:
            return joint_step(search, x, y)
        if search.is_learning:
            val_loss = search.val_loss(*search.val_batch())
            # 1. Update alpha by descending grad_alpha L_val(w, alpha).
            search.update_alphas(search.gradients(val_loss, search.alphas.parameters()))
        # 2. Update w by descending grad_w L_train(w, alpha).
        return search.train_weights(x, y)

    def expected(self, alphas: Alphas) -> Tensor:
        """o-bar(x) of equation 2 is the sum of the candidates o(x) times these gates."""
        from archwright.one_shot.gradient_based.relaxation import RELAXATIONS

        return RELAXATIONS[self.relaxation](alphas.alpha, alphas.mask)


def joint_step(search: GradientSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The step of a single-level search: alphas (past the warm-up) and weights descend the gradient of one loss, L(w, alpha)."""
    if not search.is_learning:
        return search.train_weights(x, y)
    loss, output = search.train_loss(x, y, search.gates("weights"))
    alphas = list(search.alphas.parameters())
    gradients = search.gradients(loss + search.penalty(), [*alphas, *search.weights])
    search.update_alphas(gradients[: len(alphas)])
    search.update_weights(gradients[len(alphas) :])
    return loss, output
