from itertools import product

import numpy as np
import pytest

from archwright.statistics.paired_test import holm, sign_flip_test


def exact(differences):
    """The share of all sign patterns whose sum is at least as far from zero."""
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=len(differences))]
    return np.mean(np.array(sums) >= abs(sum(differences)) - 1e-12)


@pytest.mark.parametrize("differences", [[0.3, 0.1, 0.4, -0.1, 0.5], [1.0, 1.0, 1.0, 2.0, 0.5, 1.5], [0.0, 0.2, -0.3, 0.0]])
def test_the_p_value_agrees_with_an_enumeration_of_all_sign_patterns(differences):
    assert sign_flip_test(np.array(differences), flips=40_000) == pytest.approx(exact(differences), abs=0.012)


def test_no_difference_at_all_is_no_evidence():
    assert sign_flip_test(np.zeros(20)) == 1.0


def test_false_alarms_are_as_frequent_as_the_level():
    rng = np.random.default_rng(1)
    p_values = [sign_flip_test(rng.exponential(size=15) - rng.exponential(size=15), flips=500) for _ in range(400)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_holm_corrects_step_by_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
