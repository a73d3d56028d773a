from random import Random

import numpy as np
import pytest

from archwright.search_strategy.acquisition.thompson_sampling import independent_thompson_samples


def test_draws_have_the_means_and_deviations_and_are_independent():
    mean, deviation = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.1, 3.0])
    rng = Random(0)
    draws = np.array([independent_thompson_samples(mean, deviation, rng) for _ in range(20_000)])
    assert draws.mean(axis=0) == pytest.approx(mean, abs=0.08)
    assert draws.std(axis=0) == pytest.approx(deviation, rel=0.03)
    assert np.corrcoef(draws.T) == pytest.approx(np.eye(3), abs=0.03)


def test_an_idea_is_taken_as_often_as_it_is_the_best():
    """Of N(0, 1) and N(1, 1) the second is higher with probability Phi(1 / sqrt 2) = 0.760."""
    rng = Random(1)
    taken = [np.argmax(independent_thompson_samples(np.array([0.0, 1.0]), np.ones(2), rng)) for _ in range(20_000)]
    assert np.mean(taken) == pytest.approx(0.760, abs=0.015)
