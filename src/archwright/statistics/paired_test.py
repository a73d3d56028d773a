"""Is a mean of paired differences more than noise? Fisher's permutation test, and Holm's correction for several tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLIPS = 10_000


def sign_flip_test(differences: NDArray[np.float64], flips: int = FLIPS, seed: int = 0) -> float:
    """The two-sided p-value of a mean difference of pairs, (N,), by random flips of their signs (Fisher 1935).

    Were both of a pair drawn alike, each difference could as well have had the other sign. The mean itself is tested, so ties
    and skewed differences need no care.
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(flips, len(differences)))
    as_large = np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-9) - 1e-12
    return float((1 + as_large.sum()) / (1 + flips))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the same order (Holm 1979, A simple sequentially rejective test procedure)."""
    corrected, least = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = least
    return corrected
