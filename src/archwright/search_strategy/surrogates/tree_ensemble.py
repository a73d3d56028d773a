"""A random forest, whose trees disagree where data are scarce (Breiman 2001, Random forests)."""

from __future__ import annotations

import numpy as np

from archwright.search_strategy.surrogates.gaussian_process import Array

LEAST_DEVIATION = 1e-3


def forest_prediction(known: Array, targets: Array, ideas: Array, trees: int, seed: int) -> tuple[Array, Array]:
    """Mean and standard deviation over the trees' predictions for `ideas` (M, D), (M,) each; `known` is (N, D), `targets` (N,).

    Differs: BANANAS uses five neural networks; trees on bootstrap samples need no tuning and are fitted in milliseconds.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(trees, max_features=0.5, random_state=seed).fit(known, targets)
    predictions = np.array([tree.predict(ideas) for tree in forest.estimators_])
    return predictions.mean(axis=0), predictions.std(axis=0) + LEAST_DEVIATION
