"""Expected improvement (Mockus 1975; Jones, Schonlau & Welch 1998, equation 15)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """E[max(f - best, 0)] for f ~ N(mean, deviation^2): (N,). mean, deviation: (N,), deviations above 0."""
    from scipy.special import ndtr

    z = (mean - best) / deviation
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(deviation * (z * ndtr(z) + density))
