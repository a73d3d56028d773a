"""Kendall's tau against a count of pairs, and the coverage of its intervals."""

import itertools
import math

import numpy as np
import pytest

from archwright.statistics.rank_correlation import rank_correlation


def by_hand(pairs):
    """Tau-b by its definition: concordant minus discordant pairs, normalised by the pairs untied in each score."""
    signs = [(np.sign(a[0] - b[0]), np.sign(a[1] - b[1])) for a, b in itertools.combinations(pairs, 2)]
    untied = [sum(sign[i] != 0 for sign in signs) for i in range(2)]
    return sum(x * y for x, y in signs) / math.sqrt(untied[0] * untied[1])


@pytest.mark.parametrize("seed", range(5))
def test_tau_agrees_with_a_count_of_pairs_even_with_ties(seed):
    rng = np.random.default_rng(seed)
    pairs = [(float(a), float(b)) for a, b in rng.integers(0, 6, (12, 2))]
    found = rank_correlation(pairs, resamples=10)
    assert found.tau == pytest.approx(by_hand(pairs))
    assert found.n == 12


def test_equal_and_opposite_orders_are_the_extremes():
    up = [(0.1 * i, float(i)) for i in range(8)]
    down = [(a, -b) for a, b in up]
    for pairs, tau in ((up, 1.0), (down, -1.0)):
        found = rank_correlation(pairs)
        assert (found.tau, found.ci95) == (pytest.approx(tau), (pytest.approx(tau), pytest.approx(tau)))


def test_the_interval_is_reproducible_and_contains_the_estimate():
    rng = np.random.default_rng(0)
    pairs = [(x, x + rng.normal()) for x in rng.normal(size=20)]
    found = rank_correlation(pairs)
    assert found == rank_correlation(pairs)
    assert found.ci95[0] < found.tau < found.ci95[1]
    wider = rank_correlation(pairs[:6])
    assert wider.ci95[1] - wider.ci95[0] > found.ci95[1] - found.ci95[0]


def test_intervals_of_unrelated_scores_nearly_always_contain_zero():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        low, high = rank_correlation([tuple(pair) for pair in rng.normal(size=(20, 2))], resamples=200).ci95
        held += low <= 0 <= high
    assert 50 <= held <= 60


@pytest.mark.parametrize("pairs", [[], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)], [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)]])
def test_constant_scores_have_no_rank_correlation(pairs):
    assert rank_correlation(pairs) is None
