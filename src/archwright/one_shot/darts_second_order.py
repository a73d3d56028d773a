"""Second-order DARTS: the gradient of the alphas is taken after one unrolled step of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.one_shot.darts import joint_step
from archwright.one_shot.method import GradientMethod, check_options

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas
    from archwright.one_shot.gradient_based.gradient_search import GradientSearch
    from archwright.one_shot.supernet.averaged_gradients import Gradients, GradientsOf

EPSILON_NUMERATOR = 0.01
"""The numerator of epsilon, as in the paper's footnote."""


@dataclass(frozen=True)
class DARTSSecondOrder(GradientMethod):
    """Second-order DARTS, xi = the weights' learning rate (Liu, Simonyan & Yang 2019, arXiv:1806.09055, Algorithm 1).

    Gates are softmax(alpha). The gradient of the alphas is equation 7, with the Hessian-vector product approximated by the finite
    differences of equation 8. A step costs about three times as much as a first-order step.
    """

    relaxation: Literal["softmax", "sparsemax"] = "softmax"

    paper: ClassVar[str] = "liu2019"

    def __post_init__(self) -> None:
        check_options(self, "darts_second_order")

    def step(self, search: GradientSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One pass through the loop of Algorithm 1. w are the weights; L_val is on the alphas' rows."""
        if self.single_level:
            return joint_step(search, x, y)
        if search.is_learning:
            # 1. Update alpha by descending grad_alpha L_val(w - xi grad_w L_train(w, alpha), alpha).
            search.update_alphas(unrolled_gradients(search, x, y))
        # 2. Update w by descending grad_w L_train(w, alpha).
        return search.train_weights(x, y)

    def expected(self, alphas: Alphas) -> Tensor:
        from archwright.one_shot.gradient_based.relaxation import RELAXATIONS

        return RELAXATIONS[self.relaxation](alphas.alpha, alphas.mask)


def unrolled_gradients(search: GradientSearch, x: Tensor, y: Tensor) -> list[Tensor]:
    """The gradient of the alphas after a step of the weights on (x, y), as their optimizer would make it, without clipping."""
    x_val, y_val = search.val_batch()
    return second_order_gradient(
        lambda: search.trial_loss(x, y),
        lambda: search.val_loss(x_val, y_val),
        search.weights,
        list(search.alphas.parameters()),
        search.weight_update.rate(search.done),
        search.gradients,
        search.weight_update.momentum_and_weight_decay(),
    )


def second_order_gradient(
    train_loss: Callable[[], Tensor],
    val_loss: Callable[[], Tensor],
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    xi: float,
    gradients_of: GradientsOf,
    momentum: Sequence[Tensor | None] = (),
) -> list[Tensor]:
    """Gradient of L_val(w', alpha) with respect to alpha, where w' = w - xi (momentum + dL_train/dw), without second derivatives.

        dL_val(w', alpha)/dalpha - xi (dL_train(w+, alpha)/dalpha - dL_train(w-, alpha)/dalpha) / (2 epsilon),   (eq. 7, 8)
        w+- = w +- epsilon dL_val/dw',   epsilon = 0.01 / |dL_val/dw'|

    The losses depend on the weights and alphas at the time of the call. Weights are modified in place and restored exactly.
    momentum: what the optimizer adds to the gradient of each weight, or empty. Returns a gradient for each of `alphas`.
    """
    import torch

    w = [weight.detach().clone() for weight in weights]
    step = _zeros_for_none(gradients_of(train_loss(), weights), weights)
    for gradient, momentum_part in zip(step, momentum, strict=False):
        if momentum_part is not None:
            gradient.add_(momentum_part)
    _set(weights, w, -xi, step)  # w'
    gradients = gradients_of(val_loss(), [*alphas, *weights])
    d_alphas = _zeros_for_none(gradients[: len(alphas)], alphas)
    d_weights = _zeros_for_none(gradients[len(alphas) :], weights)
    epsilon = EPSILON_NUMERATOR / max(float(torch.stack([gradient.norm() for gradient in d_weights]).norm()), 1e-12)
    _set(weights, w, epsilon, d_weights)  # w+
    above = _zeros_for_none(gradients_of(train_loss(), alphas), alphas)
    _set(weights, w, -epsilon, d_weights)  # w-
    below = _zeros_for_none(gradients_of(train_loss(), alphas), alphas)
    _set(weights, w, 0.0, d_weights)
    return [d - xi * (a - b) / (2 * epsilon) for d, a, b in zip(d_alphas, above, below, strict=True)]


def _zeros_for_none(gradients: Gradients, like: Sequence[Tensor]) -> list[Tensor]:
    """The gradients, with zeros for parameters that the loss does not depend on."""
    return [parameter.new_zeros(parameter.shape) if g is None else g for g, parameter in zip(gradients, like, strict=True)]


def _set(weights: Sequence[Tensor], origin: Sequence[Tensor], step: float, direction: Sequence[Tensor]) -> None:
    """weights = origin + step * direction."""
    for weight, start, change in zip(weights, origin, direction, strict=True):
        values = weight.detach()  # shares the weight's memory
        values.copy_(start)
        if step:
            values.add_(change, alpha=step)
