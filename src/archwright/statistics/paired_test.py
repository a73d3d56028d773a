"""Is a mean paired difference more than noise? Fisher's permutation test, and Holm's correction for multiple tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLIPS = 10_000


def sign_flip_test(differences: NDArray[np.float64], flips: int = FLIPS, seed: int = 0) -> float:
    """The two-sided p-value of the mean of paired differences, (N,), by random sign flips (Fisher 1935).

    If both members of a pair had the same distribution, either sign of their difference would be equally likely. The test statistic
    is the mean itself, so ties and skewed differences need no special treatment.
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(flips, len(differences)))
    as_large = np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-9) - 1e-12
    return float((1 + as_large.sum()) / (1 + flips))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for multiple testing, in the same order (Holm 1979, A simple sequentially rejective test procedure)."""
    corrected, least = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = least
    return corrected
