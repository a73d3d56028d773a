from collections import Counter
from math import log1p
from random import Random

import pytest

from archwright.architecture.layer_features import layer_features
from archwright.architecture.layer_graph import Layer, LayerGraph

WEIGHTS = {"conv": 9.0, "pool": 1.0}


def test_the_features_of_three_layers_by_hand():
    graph = LayerGraph((Layer("conv", ()), Layer("pool", (1,)), Layer("conv", (1, 2))), reductions=1, filters=1)
    features = layer_features(graph, WEIGHTS)
    layers = {"layer 1: conv": 1, "layer 2: pool": 1, "layer 3: conv": 1, "conv": 2, "pool": 1}
    skips = {"skip 1 to 2": 1, "skip 1 to 3": 1, "skip 2 to 3": 1, "skip around 1": 2, "skip around 2": 1}
    assert features.counts == {**layers, "conv pool": 1, "pool conv": 1, **skips}
    assert features.sizes == {
        "skips": 3,
        "parameters": log1p(9 + 4 * 1 + 4 * 9),  # the first layer is before the reduction
        "multiplications": log1p(19),
        "paths": log1p(5),  # 1, 1 2, 1 3, 1 2 3, and 1 with the skips of both
        "shortest path": 1,
        "mean path": (1 + 2 + 2 + 3 + 1) / 5,
    }


@pytest.mark.parametrize("seed", range(5))
def test_paths_are_those_that_can_be_walked(seed):
    rng = Random(seed)
    layers = tuple(Layer("conv", tuple(j for j in range(1, k) if rng.random() < 0.5)) for k in range(1, 8))
    sizes = layer_features(LayerGraph(layers, 2, 1), WEIGHTS).sizes
    lengths = list(walk(layers, len(layers)))
    assert sizes["paths"] == pytest.approx(log1p(len(lengths)))
    assert sizes["shortest path"] == min(lengths)
    assert sizes["mean path"] == pytest.approx(sum(lengths) / len(lengths))
    assert sum(Counter(lengths).values()) > 1


def walk(layers, state):
    """The lengths of all paths from the stem to a state, one by one."""
    if state == 0:
        yield 0
        return
    yield from (length + 1 for length in walk(layers, state - 1))
    for j in layers[state - 1].skips:
        yield from walk(layers, j)
