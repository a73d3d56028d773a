"""How fast alphas move: as in the paper, but a short search must come to a decision too."""

from __future__ import annotations

from archwright.one_shot.method import GradientMethod

PUBLISHED_STEPS = 20_000
"""50 epochs of 25,000 CIFAR-10 images in batches of 64 (Liu, Simonyan & Yang 2019, arXiv:1806.09055, appendix A.1)."""


def alpha_rate(method: GradientMethod, steps: int) -> float:
    """The learning rate of the alphas for a search of so many steps.

    Differs: where it is left unset, the paper's rate grows with the root of how many times fewer steps there are. Adam moves an
    alpha by at most about its rate in a step: 20,000 steps may change it by 6, a few hundred by 0.1, which decides nothing.
    """
    if method.alpha_learning_rate is not None:
        return method.alpha_learning_rate
    return float(method.published_alpha_rate * max(1.0, PUBLISHED_STEPS / steps) ** 0.5)
