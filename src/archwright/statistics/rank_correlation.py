"""Do two scores rank networks alike? Kendall's tau with a confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 1000


@dataclass(frozen=True)
class RankCorrelation:
    """Kendall's tau-b of `n` pairs, in [-1, 1], and its 95 % interval by the percentile bootstrap over pairs."""

    tau: float
    ci95: tuple[float, float]
    n: int


def rank_correlation(pairs: Sequence[tuple[float, float]], resamples: int = RESAMPLES, seed: int = 0) -> RankCorrelation | None:
    """Kendall 1945 (doi:10.1093/biomet/33.3.239), tau-b. None if either score is the same for all pairs.

    A resample in which one score is constant has no tau and is discarded.
    """
    values = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    tau = _tau(values)
    if not np.isfinite(tau):
        return None
    rng = np.random.default_rng(seed)
    drawn = np.array([_tau(values[rng.integers(0, len(values), len(values))]) for _ in range(resamples)])
    low, high = np.quantile(drawn[np.isfinite(drawn)], (0.025, 0.975)) if np.isfinite(drawn).any() else (tau, tau)
    return RankCorrelation(tau, (float(low), float(high)), len(values))


def _tau(values: NDArray[np.float64]) -> float:
    """values: (n, 2). NaN if a column is constant."""
    if len(values) < 2 or np.ptp(values[:, 0]) == 0 or np.ptp(values[:, 1]) == 0:
        return float("nan")
    return float(stats.kendalltau(values[:, 0], values[:, 1]).statistic)
