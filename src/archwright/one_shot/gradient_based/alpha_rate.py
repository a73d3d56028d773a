"""How fast alphas move: as in the paper, but a short search must come to a decision too."""

from __future__ import annotations

from archwright.one_shot.method import GradientMethod

PUBLISHED_STEPS = 20_000
"""50 epochs of 25,000 CIFAR-10 images in batches of 64 (Liu, Simonyan & Yang 2019, arXiv:1806.09055, appendix A.1)."""
LARGEST_RATE = 0.03


def alpha_rate(method: GradientMethod, steps: int) -> float:
    """The learning rate of the alphas for a search of so many steps.

    Differs: where it is left unset and there are fewer steps than in the paper, the paper's rate grows so that alphas may go as far
    in all, up to 0.03. Adam moves an alpha by about its rate in a step at most: by 6 in 20,000 steps, and by 0.1 in a few hundred,
    which decides nothing.
    """
    if method.alpha_learning_rate is not None:
        return method.alpha_learning_rate
    longer = method.published_alpha_rate * PUBLISHED_STEPS / steps
    return float(max(method.published_alpha_rate, min(LARGEST_RATE, longer)))
