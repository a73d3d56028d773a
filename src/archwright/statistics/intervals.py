"""Is a difference more than noise? t-intervals for means over seeds, and a paired bootstrap over seeds and test samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from archwright.data.problem import LOWER_IS_BETTER
from archwright.errors import InputError, ShapeError

Array = NDArray[Any]
RESAMPLES = 2000
CHUNK_NUMBERS = 2_000_000  # resampling counts held at a time: 16 MB


@dataclass(frozen=True)
class TestRun:
    """One final network on the whole test split.

    `prediction`: (N,) classes or (N, K) logits, (N, L) label probabilities, (N, T) targets in their own units, or the (N, T)
    log-likelihoods of the tokens in a text's windows. `target`: (N,) classes, (N, L) labels, (N, T) targets or tokens, in the
    same order for all methods.
    """

    __test__ = False  # not a pytest test

    prediction: Array = field(repr=False)
    target: Array = field(repr=False)
    seed: int = 0


@dataclass(frozen=True)
class Comparison:
    """A difference in the test metric, first method minus second.

    `ci95`: from the paired bootstrap. `effect_size`: the difference in standard deviations over seeds (Hedges' g); None if a method
    has one seed or there is no spread. `seeds`: how many the first and the second method have. `samples`: in the test split.
    """

    difference: float
    ci95: tuple[float, float]
    effect_size: float | None
    seeds: tuple[int, int]
    samples: int

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes zero."""
        return self.ci95[0] > 0 or self.ci95[1] < 0


def mean_with_interval(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The mean over seeds and its 95 % interval by Student's t (None with one seed). Raises InputError if `values` is empty."""
    if not len(values):
        raise InputError("a mean over seeds needs at least one run, but none was given")
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, (mean - half, mean + half)


# Each metric is a function of sums over samples, so a resampled metric depends only on how often each sample was drawn.


def sample_columns(metric: str, prediction: Array, target: Array) -> Array:
    """The per-sample terms that a metric sums, (N, C) float64.

    accuracy: hit. f1: per label true positives, then predicted plus actual positives. r2: per target squared residual, y, y^2.
    perplexity, bits_per_character: a window's mean negative log-likelihood per token.
    Raises ShapeError if prediction and target do not match, InputError for an unknown metric.
    """
    if len(prediction) != len(target) or (metric != "accuracy" and prediction.shape != target.shape):
        raise ShapeError(f"predictions have shape {prediction.shape} and targets {target.shape}: give one prediction per target")
    if metric == "accuracy":
        classes = prediction if prediction.ndim == 1 else prediction.argmax(axis=1)
        return np.asarray(classes == target, dtype=np.float64)[:, None]
    if metric == "f1":
        positive, actual = prediction >= 0.5, target >= 0.5
        return np.concatenate([positive & actual, positive.astype(np.float64) + actual], axis=1)
    if metric == "r2":
        truth = target.astype(np.float64)
        centred = truth - truth.mean(axis=0)  # the same R2, without numerical cancellation
        return np.concatenate([(truth - prediction) ** 2, centred, centred**2], axis=1)
    if metric in LOWER_IS_BETTER:
        return np.asarray(-prediction.astype(np.float64).mean(axis=1, keepdims=True))
    raise InputError(f"there is no metric {metric!r}: choose from accuracy, f1, r2, {', '.join(sorted(LOWER_IS_BETTER))}")


def metric_of_sums(metric: str, sums: Array, samples: int) -> Array:
    """The metric from the sums of its columns: (..., C) -> (...).

    A label that is neither present nor predicted counts 0, and so does a constant target that is not predicted exactly (as in
    scikit-learn).
    """
    if metric == "accuracy":
        return np.asarray(sums[..., 0] / samples)
    if metric == "perplexity":
        return np.asarray(np.exp(sums[..., 0] / samples))
    if metric == "bits_per_character":
        return np.asarray(sums[..., 0] / samples / math.log(2))
    if metric == "f1":
        true_positive, positives = np.split(sums, 2, axis=-1)
        return np.asarray((2 * true_positive / np.maximum(positives, 1)).mean(axis=-1))
    residual, total, squares = np.split(sums, 3, axis=-1)
    spread = squares - total**2 / samples
    share = np.divide(residual, spread, out=(residual > 0).astype(np.float64), where=spread > 1e-12 * np.maximum(squares, 1e-300))
    return np.asarray((1 - share).mean(axis=-1))


def test_metric(metric: str, run: TestRun) -> float:
    """The metric of one run over its whole test split."""
    columns = sample_columns(metric, run.prediction, run.target)
    return float(metric_of_sums(metric, columns.sum(axis=0), len(columns)))


test_metric.__test__ = False  # type: ignore[attr-defined]  # not a pytest test


def compare(
    metric: str, first: Sequence[TestRun], second: Sequence[TestRun], resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """The difference in the mean test metric of two methods, with a 95 % interval by a paired bootstrap.

    Seeds and samples are drawn with replacement: the same samples for both methods, and the same seeds if both have equally many.
    Raises InputError if a method has no run or the methods were not tested on the same samples.
    """
    values, columns = _stack(metric, first, second)
    first_values, second_values = values[: len(first)], values[len(first) :]
    difference = float(first_values.mean() - second_values.mean())
    replicates = bootstrap_differences(metric, columns, len(first), resamples, seed)
    return Comparison(
        difference,
        _interval(difference, replicates, first_values, second_values, columns.shape[1]),
        _hedges_g(first_values, second_values),
        (len(first), len(second)),
        columns.shape[1],
    )


def bootstrap_differences(metric: str, columns: Array, first: int, resamples: int, seed: int) -> Array:
    """(resamples,) differences in the mean metric; the `first` leading runs of `columns` (S, N, C) are the first method's."""
    rng = np.random.default_rng(seed)
    runs, samples, width = columns.shape
    matrix = columns.transpose(1, 0, 2).reshape(samples, runs * width)
    per_chunk = max(1, CHUNK_NUMBERS // samples)
    parts = []
    for start in range(0, resamples, per_chunk):
        size = min(per_chunk, resamples - start)
        drawn = _times_drawn(rng, size, samples)
        values = metric_of_sums(metric, (drawn @ matrix).reshape(size, runs, width), samples)  # (size, S)
        parts.append(_mean_over_drawn_seeds(rng, values, first))
    return np.concatenate(parts)


def _times_drawn(rng: np.random.Generator, size: int, samples: int) -> Array:
    """(size, N): how often each of N samples occurs in N draws with replacement."""
    drawn = rng.integers(0, samples, (size, samples), dtype=np.int32)
    return np.stack([np.bincount(row, minlength=samples) for row in drawn]).astype(np.float64)


def _mean_over_drawn_seeds(rng: np.random.Generator, values: Array, first: int) -> Array:
    """(R,) differences of the means over seeds drawn with replacement. values: (R, S)."""
    second = values.shape[1] - first
    seeds = rng.integers(0, first, (len(values), first))
    others = seeds if second == first else rng.integers(0, second, (len(values), second))
    mine = np.take_along_axis(values[:, :first], seeds, axis=1).mean(axis=1)
    return np.asarray(mine - np.take_along_axis(values[:, first:], others, axis=1).mean(axis=1))


def _interval(difference: float, replicates: Array, first: Array, second: Array, samples: int) -> tuple[float, float]:
    """The percentile interval, stretched about the estimate to correct for the small number of seeds.

    Hesterberg 2015 (arXiv:1411.5279, sec. 4): with n draws a bootstrap's variance is (n - 1) / n of what it should be, and
    its quantiles are normal where Student's t has longer tails; with three seeds alone the coverage would be 3 in 4, not
    19 in 20. Differs: he takes more extreme percentiles; three seeds have too few distinct resamples for that, so the interval is
    stretched. The variance over seeds is that of two independent groups, with degrees of freedom by Welch and Satterthwaite:
    training two networks with the same seed hardly correlates them, and three paired differences say less than six runs.
    """
    low, high = (float(end) for end in np.quantile(replicates, (0.025, 0.975)))
    drawn = float(replicates.var())
    seeds = [(float(values.var(ddof=1)) / len(values), len(values) - 1) for values in (first, second) if len(values) > 1]
    rest = max(drawn - _seed_variance_drawn(first, second), 0.0)
    total = rest + sum(variance for variance, _ in seeds)
    if drawn <= 0 or total <= 0:
        return low, high
    freedom = total**2 / (rest**2 / max(samples - 1, 1) + sum(variance**2 / degrees for variance, degrees in seeds))
    stretch = math.sqrt(total / drawn) * float(stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975))
    return difference + stretch * (low - difference), difference + stretch * (high - difference)


def _seed_variance_drawn(first: Array, second: Array) -> float:
    """The part of the replicates' variance that comes from drawing seeds, drawn in pairs if both methods have equally many."""
    groups = [first - second] if len(first) == len(second) else [first, second]
    return sum(float(group.var()) / len(group) for group in groups)


def _hedges_g(first: Array, second: Array) -> float | None:
    """The difference divided by the pooled standard deviation, with small-sample correction (Hedges 1981, eq. 6e)."""
    freedom = len(first) + len(second) - 2
    if len(first) < 2 or len(second) < 2:
        return None
    pooled = math.sqrt((((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()) / freedom)
    if pooled <= 1e-12:
        return None
    return float((first.mean() - second.mean()) / pooled * (1 - 3 / (4 * freedom - 1)))


def _stack(metric: str, first: Sequence[TestRun], second: Sequence[TestRun]) -> tuple[Array, Array]:
    """The metric of each run, (S,), and its columns, (S, N, C)."""
    runs = [*first, *second]
    if not first or not second:
        raise InputError("a comparison needs at least one final run of each method, but one of them has none")
    for run in runs[1:]:
        if not np.array_equal(run.target, runs[0].target, equal_nan=run.target.dtype.kind == "f"):
            raise InputError("the methods were not tested on the same samples in the same order: run them on the same problem")
    columns = np.stack([sample_columns(metric, run.prediction, run.target) for run in runs])
    return metric_of_sums(metric, columns.sum(axis=1), columns.shape[1]), columns
