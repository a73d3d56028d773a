import numpy as np
import pytest

from archwright.search_strategy.acquisition.expected_improvement import expected_improvement


@pytest.mark.parametrize("best", [-1.0, 0.3, 2.0])
def test_it_is_the_mean_improvement_of_many_draws(best):
    mean, deviation = np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.2, 0.5])
    draws = mean + deviation * np.random.default_rng(0).standard_normal((400_000, 3))
    assert expected_improvement(mean, deviation, best) == pytest.approx(np.maximum(draws - best, 0).mean(axis=0), abs=4e-3)


def test_without_uncertainty_it_is_the_difference_to_the_best():
    values = expected_improvement(np.array([1.0, 3.0]), np.array([1e-9, 1e-9]), 2.0)
    assert values == pytest.approx([0.0, 1.0], abs=1e-8)


def test_of_equal_means_the_more_uncertain_has_the_larger_improvement():
    low, high = expected_improvement(np.zeros(2), np.array([0.5, 1.0]), 1.0)
    assert high > low > 0
