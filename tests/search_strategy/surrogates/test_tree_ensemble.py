import numpy as np

from archwright.search_strategy.surrogates.tree_ensemble import LEAST_DEVIATION, forest_prediction


def test_trees_agree_where_they_know_and_disagree_where_a_step_is():
    x = np.linspace(0, 1, 60)[:, None]
    mean, deviation = forest_prediction(x, (x[:, 0] > 0.5).astype(float), np.array([[0.1], [0.5], [0.9]]), 50, seed=0)
    assert abs(mean[[0, 2]] - [0, 1]).max() < 0.05
    assert deviation[1] > 0.1 > deviation[0] >= LEAST_DEVIATION


def test_the_seed_decides():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(30, 4)), rng.normal(size=30), rng.normal(size=(5, 4))
    once, again, other = (forest_prediction(x, y, z, 10, seed)[0] for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()
