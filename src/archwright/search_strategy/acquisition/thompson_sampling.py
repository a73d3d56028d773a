"""Independent Thompson sampling (White, Neiswanger & Savani 2021, arXiv:1910.11858, section 4: ITS)."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def independent_thompson_samples(mean: Array, deviation: Array, rng: Random) -> Array:
    """One independent draw from N(mean, deviation^2) per network: (N,). The network with the highest draw is proposed."""
    return np.asarray(mean + deviation * np.array([rng.gauss(0.0, 1.0) for _ in mean]))
