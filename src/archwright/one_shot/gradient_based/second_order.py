"""The second-order gradient of DARTS (Liu, Simonyan & Yang 2019, arXiv:1806.09055, eq. 7), without second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archwright.one_shot.supernet.averaged_gradients import Differentiate, Gradients

EPSILON_NUMERATOR = 0.01
"""The numerator of epsilon, as in the paper's footnote."""

Loss = Callable[[], Tensor]


def second_order_gradient(
    train_loss: Loss,
    val_loss: Loss,
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    rate: float,
    differentiate: Differentiate,
    momentum: Sequence[Tensor | None] = (),
) -> list[Tensor]:
    """Gradient of L_val(w', alpha) with respect to alpha, where w' = w - rate (momentum + dL_train/dw); rate is xi in the paper.

        dL_val(w', alpha)/dalpha - rate (dL_train(w+, alpha)/dalpha - dL_train(w-, alpha)/dalpha) / (2 epsilon),   (eq. 7, 8)
        w+- = w +- epsilon dL_val/dw',   epsilon = 0.01 / |dL_val/dw'|

    The losses depend on the weights and alphas at the time of the call. Weights are modified in place and restored exactly.
    momentum: what the optimizer adds to the gradient of each weight, or empty. Returns a gradient for each of `alphas`.
    """
    original = [weight.detach().clone() for weight in weights]
    train_gradients = _zeros_for_none(differentiate(train_loss(), weights), weights)
    for gradient, momentum_part in zip(train_gradients, momentum, strict=False):
        if momentum_part is not None:
            gradient.add_(momentum_part)
    _set_weights(weights, original, train_gradients, -rate)
    gradients = differentiate(val_loss(), [*alphas, *weights])
    alpha_gradients = _zeros_for_none(gradients[: len(alphas)], alphas)
    direction = _zeros_for_none(gradients[len(alphas) :], weights)
    epsilon = EPSILON_NUMERATOR / max(float(torch.stack([gradient.norm() for gradient in direction]).norm()), 1e-12)
    _set_weights(weights, original, direction, epsilon)
    above = _zeros_for_none(differentiate(train_loss(), alphas), alphas)
    _set_weights(weights, original, direction, -epsilon)
    below = _zeros_for_none(differentiate(train_loss(), alphas), alphas)
    _set_weights(weights, original, direction, 0.0)
    return [d - rate * (a - b) / (2 * epsilon) for d, a, b in zip(alpha_gradients, above, below, strict=True)]


def _zeros_for_none(gradients: Gradients, like: Sequence[Tensor]) -> list[Tensor]:
    """The gradients, with zeros for parameters that the loss does not depend on."""
    return [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, like, strict=True)]


@torch.no_grad()
def _set_weights(weights: Sequence[Tensor], original: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> None:
    """weights = original + step * direction."""
    for weight, origin, change in zip(weights, original, direction, strict=True):
        weight.copy_(origin)
        if step:
            weight.add_(change, alpha=step)
