"""The second-order gradient of DARTS (Liu, Simonyan & Yang 2019, arXiv:1806.09055, eq. 7), without a second derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archwright.one_shot.supernet.averaged_gradients import Differentiate, Gradients

SHIFT = 0.01
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
    """Gradient of L_val(w', alpha) in alpha, where w' = w - rate (momentum + dL_train/dw); rate is xi in the paper.

        dL_val(w', alpha)/dalpha - rate (dL_train(w+, alpha)/dalpha - dL_train(w-, alpha)/dalpha) / (2 epsilon),   (eq. 7, 8)
        w+- = w +- epsilon dL_val/dw',   epsilon = 0.01 / |dL_val/dw'|

    The losses are functions of the weights and alphas as they are when called. Weights are moved in place and put back exactly.
    momentum: what the optimizer adds to the gradient, one a weight, or nothing. Returns a gradient for each of `alphas`.
    """
    kept = [weight.detach().clone() for weight in weights]
    ahead = _filled(differentiate(train_loss(), weights), weights)
    for step, moment in zip(ahead, momentum, strict=False):
        if moment is not None:
            step.add_(moment)
    _place(weights, kept, ahead, -rate)
    gradients = differentiate(val_loss(), [*alphas, *weights])
    direct, towards = _filled(gradients[: len(alphas)], alphas), _filled(gradients[len(alphas) :], weights)
    epsilon = SHIFT / max(float(torch.stack([part.norm() for part in towards]).norm()), 1e-12)
    _place(weights, kept, towards, epsilon)
    above = _filled(differentiate(train_loss(), alphas), alphas)
    _place(weights, kept, towards, -epsilon)
    below = _filled(differentiate(train_loss(), alphas), alphas)
    _place(weights, kept, towards, 0.0)
    return [d - rate * (a - b) / (2 * epsilon) for d, a, b in zip(direct, above, below, strict=True)]


def _filled(gradients: Gradients, like: Sequence[Tensor]) -> list[Tensor]:
    """Zeros where the loss does not depend on a parameter."""
    return [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, like, strict=True)]


@torch.no_grad()
def _place(weights: Sequence[Tensor], kept: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> None:
    """weights = kept + step * direction."""
    for weight, origin, towards in zip(weights, kept, direction, strict=True):
        weight.copy_(origin)
        if step:
            weight.add_(towards, alpha=step)
