"""The learning rate of the alphas: the paper's, but higher in a short search, which must converge, too."""

from __future__ import annotations

from archwright.one_shot.method import GradientMethod

PUBLISHED_STEPS = 20_000
"""50 epochs of 25,000 CIFAR-10 images in batches of 64 (Liu, Simonyan & Yang 2019, arXiv:1806.09055, appendix A.1)."""
LARGEST_RATE = 0.03


def alpha_rate(method: GradientMethod, steps: int) -> float:
    """The learning rate of the alphas for a search of `steps` steps.

    Differs: if it is unset and there are fewer steps than in the paper, the paper's rate is scaled up, to at most 0.03, so that
    alphas can move as far in total. Adam moves an alpha by about its learning rate per step at most: at the paper's rate by 6 in
    20,000 steps, but by only 0.1 in a few hundred, which decides nothing.
    """
    if method.alpha_learning_rate is not None:
        return method.alpha_learning_rate
    longer = method.published_alpha_rate * PUBLISHED_STEPS / steps
    return float(max(method.published_alpha_rate, min(LARGEST_RATE, longer)))
