import numpy as np

from archwright.evaluate.job import training_seed


def test_a_seed_has_31_bits_and_depends_on_every_part():
    seeds = {
        training_seed(*parts) for parts in [(0, "random", 1), (0, "random", 2), (1, "random", 1), (0, "final", 1), (0, "random1")]
    }
    assert len(seeds) == 5
    many = np.array([training_seed(0, i) for i in range(500)])
    assert many.min() >= 0
    assert many.max() < 2**31
    assert abs(many.mean() / 2**30 - 1) < 0.1
    assert training_seed(0, "random", 0) == training_seed(0, "random", 0)
