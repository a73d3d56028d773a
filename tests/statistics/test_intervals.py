import time

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, r2_score

from archwright.errors import InputError, ShapeError
from archwright.statistics.intervals import TestRun as Run
from archwright.statistics.intervals import (
    bootstrap_differences,
    compare,
    mean_with_interval,
    metric_of_sums,
    sample_columns,
)
from archwright.statistics.intervals import test_metric as metric_of_run

METRICS = ("accuracy", "f1", "r2")
TOKEN_METRICS = ("perplexity", "bits_per_character")


def make_runs(metric, rng, samples, seeds, noise=0.6, target=None):
    """A target shared by all runs, and runs that miss it by their own noise."""
    if metric == "accuracy":
        target = rng.integers(0, 4, samples) if target is None else target
        predictions = [np.eye(4)[target] + noise * rng.normal(size=(samples, 4)) for _ in range(seeds)]
    elif metric == "f1":
        target = (rng.random((samples, 3)) < 0.3).astype(np.float32) if target is None else target
        predictions = [np.clip(target + noise * rng.normal(size=target.shape), 0, 1) for _ in range(seeds)]
    elif metric in TOKEN_METRICS:
        target = rng.integers(0, 9, (samples, 6)) if target is None else target
        hard = np.log(1 + target)
        predictions = [-np.abs(hard + noise * rng.normal(size=target.shape)) for _ in range(seeds)]
    else:
        target = rng.normal(5, 2, (samples, 2)) if target is None else target
        predictions = [target + noise * rng.normal(size=target.shape) for _ in range(seeds)]
    return target, [Run(prediction, target, i) for i, prediction in enumerate(predictions)]


def oracle(metric, prediction, target):
    """scikit-learn's own metric."""
    if metric == "accuracy":
        return accuracy_score(target, prediction.argmax(1))
    if metric == "f1":
        return f1_score(target, prediction >= 0.5, average="macro", zero_division=0)
    return r2_score(target, prediction)


@pytest.mark.parametrize("metric", METRICS)
def test_each_metric_equals_scikit_learns(metric):
    _, (run,) = make_runs(metric, np.random.default_rng(0), 200, 1)
    assert metric_of_run(metric, run) == pytest.approx(oracle(metric, run.prediction, run.target), abs=1e-12)


def test_r2_of_a_constant_target_equals_scikit_learns():
    target, prediction = np.full((5, 1), 3.0), np.arange(5.0)[:, None]
    for guess in (prediction, target):
        assert metric_of_run("r2", Run(guess, target)) == pytest.approx(r2_score(target, guess))


def test_r2_of_large_numbers_keeps_its_precision():
    rng = np.random.default_rng(1)
    target = 1e6 + rng.normal(size=(500, 1))
    prediction = target + 0.1 * rng.normal(size=target.shape)
    assert metric_of_run("r2", Run(prediction, target)) == pytest.approx(r2_score(target, prediction), abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_a_resample_has_the_metric_of_the_samples_drawn(metric):
    rng = np.random.default_rng(2)
    _, (run,) = make_runs(metric, rng, 60, 1)
    columns = sample_columns(metric, run.prediction, run.target)
    for _ in range(20):
        drawn = rng.integers(0, 60, 60)
        times = np.bincount(drawn, minlength=60)
        got = metric_of_sums(metric, times @ columns, 60)
        assert got == pytest.approx(oracle(metric, run.prediction[drawn], run.target[drawn]), abs=1e-10)


def by_hand(metric, prediction, target):
    """The same as scikit-learn's, without its checks, which take longer than the metric."""
    if metric == "accuracy":
        return np.mean(prediction.argmax(1) == target)
    if metric == "perplexity":
        return np.exp(-np.mean(prediction))
    return np.mean(1 - ((target - prediction) ** 2).sum(0) / ((target - target.mean(0)) ** 2).sum(0))


def brute_force(metric, first, second, resamples, rng):
    """The same bootstrap, computed sample by sample and seed by seed."""
    samples = len(first[0].target)
    differences = []
    for _ in range(resamples):
        drawn = rng.integers(0, samples, samples)
        seeds = rng.integers(0, len(first), len(first))
        others = seeds if len(first) == len(second) else rng.integers(0, len(second), len(second))
        mine = np.mean([by_hand(metric, first[s].prediction[drawn], first[s].target[drawn]) for s in seeds])
        theirs = np.mean([by_hand(metric, second[s].prediction[drawn], second[s].target[drawn]) for s in others])
        differences.append(mine - theirs)
    return np.array(differences)


@pytest.mark.parametrize("seeds", [(3, 3), (3, 2)])
@pytest.mark.parametrize("metric", ["accuracy", "r2", "perplexity"])
def test_the_bootstrap_has_the_distribution_of_a_brute_force_bootstrap(metric, seeds):
    rng = np.random.default_rng(3)
    target, first = make_runs(metric, rng, 40, seeds[0], 0.5)
    _, second = make_runs(metric, rng, 40, seeds[1], 0.7, target)
    columns = np.stack([sample_columns(metric, run.prediction, run.target) for run in (*first, *second)])
    ours = bootstrap_differences(metric, columns, len(first), 4000, seed=0)
    slow = brute_force(metric, first, second, 800, rng)
    spread = slow.std()
    assert ours.mean() == pytest.approx(slow.mean(), abs=0.15 * spread)
    assert ours.std() == pytest.approx(spread, rel=0.1)
    assert np.quantile(ours, [0.1, 0.9]) == pytest.approx(np.quantile(slow, [0.1, 0.9]), abs=0.25 * spread)


def test_with_one_seed_the_interval_matches_the_paired_difference_of_proportions():
    """Its variance is (b + c - (b - c)^2 / n) / n^2 (McNemar), b and c the samples that only one of them gets right."""
    rng = np.random.default_rng(4)
    target, (first,) = make_runs("accuracy", rng, 1000, 1, 0.5)
    _, (second,) = make_runs("accuracy", rng, 1000, 1, 0.6, target)
    right = [run.prediction.argmax(1) == target for run in (first, second)]
    b, c = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    half = 1.96 * np.sqrt(b + c - (b - c) ** 2 / 1000) / 1000
    got = compare("accuracy", [first], [second], resamples=8000)
    assert got.difference == pytest.approx((b - c) / 1000)
    assert got.ci95 == pytest.approx((got.difference - half, got.difference + half), abs=0.08 * half)
    assert got.effect_size is None


def test_pairing_narrows_the_interval_of_methods_with_the_same_errors():
    rng = np.random.default_rng(5)
    target, runs = make_runs("accuracy", rng, 400, 3, 0.9)
    wrong = np.flatnonzero(runs[0].prediction.argmax(1) != target)[:15]
    better = []
    for run in runs:
        prediction = run.prediction.copy()
        prediction[wrong] = 10 * np.eye(4)[target[wrong]]
        better.append(Run(prediction, target))
    got = compare("accuracy", better, runs)
    assert got.beyond_noise
    assert got.ci95[1] - got.ci95[0] < 0.08  # two unpaired proportions of 400 would have about 0.12


@pytest.mark.parametrize("seeds", [(3, 3), (3, 2)])
def test_intervals_cover_the_truth(seeds):
    """There is no true difference, and seeds vary more than test samples: the interval may exclude zero one time in 20."""
    rng = np.random.default_rng(6)
    trials, missed, missed_by_percentiles = 250, 0, 0
    for _ in range(trials):
        target = rng.normal(size=(100, 1))

        def run(target=target):
            bias = 0.5 * rng.normal()
            return Run(target + 0.3 * rng.normal(size=target.shape) + bias, target)

        first, second = ([run() for _ in range(n)] for n in seeds)
        got = compare("r2", first, second, resamples=200)
        missed += got.beyond_noise
        columns = np.stack([sample_columns("r2", r.prediction, r.target) for r in (*first, *second)])
        low, high = np.quantile(bootstrap_differences("r2", columns, seeds[0], 200, seed=1), [0.025, 0.975])
        missed_by_percentiles += not low <= 0 <= high
    assert missed / trials < 0.1
    assert missed_by_percentiles / trials > 0.12  # what the widening is for


def test_a_clear_difference_is_beyond_noise_and_its_sign_is_first_minus_second():
    rng = np.random.default_rng(7)
    target, good = make_runs("r2", rng, 300, 3, 0.2)
    _, bad = make_runs("r2", rng, 300, 3, 1.0, target)
    forth, back = compare("r2", good, bad), compare("r2", bad, good)
    assert forth.beyond_noise
    assert forth.difference > 0
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.ci95[0] < forth.difference < forth.ci95[1]


def test_effect_size_is_hedges_g():
    rng = np.random.default_rng(8)
    target, first = make_runs("r2", rng, 100, 4, 0.4)
    _, second = make_runs("r2", rng, 100, 3, 0.5, target)
    a, b = ([metric_of_run("r2", run) for run in runs] for runs in (first, second))
    pooled = np.sqrt((3 * np.var(a, ddof=1) + 2 * np.var(b, ddof=1)) / 5)
    expected = (np.mean(a) - np.mean(b)) / pooled * (1 - 3 / (4 * 5 - 1))
    assert compare("r2", first, second, resamples=50).effect_size == pytest.approx(expected)


def test_the_same_predictions_do_not_differ():
    _, runs = make_runs("accuracy", np.random.default_rng(9), 50, 3)
    got = compare("accuracy", runs, runs, resamples=100)
    assert (got.difference, got.ci95) == (0.0, (0.0, 0.0))
    assert not got.beyond_noise


@pytest.mark.parametrize("metric", METRICS)
def test_two_thousand_resamples_are_fast(metric):
    rng = np.random.default_rng(10)
    target, first = make_runs(metric, rng, 10_000, 3)
    _, second = make_runs(metric, rng, 10_000, 3, target=target)
    began = time.process_time()
    compare(metric, first, second)
    assert time.process_time() - began < 8  # alone on a core it takes about 0.4 s


def test_a_comparison_needs_runs_on_the_same_samples():
    target, runs = make_runs("accuracy", np.random.default_rng(11), 20, 2)
    other = [Run(run.prediction, (target + 1) % 4) for run in runs]
    with pytest.raises(InputError, match="same samples"):
        compare("accuracy", runs, other)
    with pytest.raises(InputError, match="at least one final run"):
        compare("accuracy", runs, [])
    with pytest.raises(ShapeError, match="one prediction per target"):
        sample_columns("r2", np.zeros((5, 1)), np.zeros((4, 1)))
    with pytest.raises(InputError, match="choose from accuracy"):
        sample_columns("auc", np.zeros((5, 1)), np.zeros((5, 1)))


def test_the_interval_of_a_mean_is_students_t():
    values = [0.91, 0.93, 0.94]
    mean, interval = mean_with_interval(values)
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert mean == pytest.approx(np.mean(values))
    assert interval == pytest.approx(expected)


def test_one_seed_has_no_interval_and_no_seed_is_an_error():
    assert mean_with_interval([0.5]) == (0.5, None)
    with pytest.raises(InputError, match="at least one run"):
        mean_with_interval([])


def test_perplexity_and_bits_per_character_average_over_all_tokens():
    _, (run,) = make_runs("perplexity", np.random.default_rng(6), 30, 1)
    nats = -run.prediction.mean()
    assert metric_of_run("perplexity", run) == pytest.approx(np.exp(nats))
    assert metric_of_run("bits_per_character", run) == pytest.approx(nats / np.log(2))


def test_a_lower_perplexity_is_a_negative_difference():
    rng = np.random.default_rng(7)
    target, better = make_runs("perplexity", rng, 200, 3, 0.1)
    worse = [Run(run.prediction - 0.3, target) for run in better]
    got = compare("perplexity", better, worse)
    assert got.difference < 0
    assert got.ci95[1] < 0
    assert got.beyond_noise
