"""Normal scores: results by rank, whatever the scale of the metric; several objectives are combined into one."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from archwright.evaluate.history import WORST
from archwright.search_strategy.surrogates.gaussian_process import Array

RHO = 0.05
"""Weight of the sum of the objectives relative to the worst of them, rho in Knowles 2006."""


def normal_scores(scores: Sequence[Sequence[float] | None], weights: Sequence[float]) -> Array:
    """The normal quantiles of the ranks of N results, (N,), higher is better.

    scores: M objectives each, higher is better; None is ranked below all others. weights: (M,), of sum 1. Several objectives are
    combined by the augmented Chebyshev function of ParEGO (Knowles 2006, doi:10.1109/TEVC.2005.851274, equation 2).
    Differs: it is applied to ranks instead of normalised values.
    """
    from scipy.special import ndtri

    table = np.array([row or (WORST,) * len(weights) for row in scores], dtype=float)
    joined = table[:, 0] if len(weights) == 1 else -_chebyshev(table, np.array(weights))
    return np.asarray(ndtri((shared_ranks(joined) - 0.5) / len(scores)))


def _chebyshev(table: Array, weights: Array) -> Array:
    """The augmented Chebyshev distance of each row of (N, M) from the best rank in every objective, (N,)."""
    behind = np.array([1 - shared_ranks(column) / len(table) for column in table.T]).T * weights
    return np.asarray(behind.max(axis=1) + RHO * behind.sum(axis=1))


def shared_ranks(values: Array) -> Array:
    """Ranks from 1 for the lowest; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def random_weights(objectives: int, rng: Random) -> list[float]:
    """Weights drawn uniformly from the simplex."""
    if objectives == 1:
        return [1.0]
    shares = [rng.expovariate(1.0) for _ in range(objectives)]
    return [share / sum(shares) for share in shares]
