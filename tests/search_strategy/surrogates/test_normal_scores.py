from random import Random

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from archwright.search_strategy.surrogates.normal_scores import normal_scores, random_weights, shared_ranks


def test_ranks_are_scipys():
    values = np.array([3.0, 1.0, 3.0, float("-inf"), 2.0, 3.0])
    assert shared_ranks(values).tolist() == rankdata(values).tolist()


def test_scores_are_normal_quantiles_of_the_ranks_and_failures_are_the_lowest():
    found = normal_scores([(0.2,), (0.9,), None, (0.5,)], [1.0])
    assert found == pytest.approx(norm.ppf([3 / 8, 7 / 8, 1 / 8, 5 / 8]))


def test_only_the_order_counts():
    assert (normal_scores([(1.0,), (2.0,), (9.0,)], [1.0]) == normal_scores([(-7.0,), (-6.9,), (1e9,)], [1.0])).all()


def test_weights_say_which_of_several_objectives_counts():
    rows = [(0.9, -9.0), (0.5, -5.0), (0.1, -1.0)]
    assert np.argmax(normal_scores(rows, [0.9, 0.1])) == 0
    assert np.argmax(normal_scores(rows, [0.1, 0.9])) == 2
    assert np.argmax(normal_scores(rows, [0.5, 0.5])) == 1  # a weighted sum of ranks would be the same for all


def test_what_is_worse_in_all_objectives_scores_less():
    found = normal_scores([(0.9, -1.0), (0.8, -2.0), None], [0.3, 0.7])
    assert found[0] > found[1] > found[2]


def test_weights_are_uniform_on_the_simplex():
    rng = Random(0)
    weights = np.array([random_weights(3, rng) for _ in range(5000)])
    assert weights.sum(axis=1) == pytest.approx(np.ones(5000))
    assert weights.mean(axis=0) == pytest.approx(np.full(3, 1 / 3), abs=0.01)
    assert weights.var(axis=0) == pytest.approx(np.full(3, 1 / 18), abs=0.004)  # of the flat Dirichlet distribution
    assert random_weights(1, rng) == [1.0]
