from math import log

from archwright.architecture.cell_features import DECAY, cell_features, combined_features
from archwright.architecture.cell_graph import CellGraph, Node
from archwright.architecture.features import Features

WEIGHTS = {"conv_1x1": 1.0, "conv_3x3": 9.0}


def test_the_features_of_a_cell_by_hand():
    """Node 1 = 3x3(x), node 2 = pool(node 1) + x, output = 1x1(node 2) + node 1."""
    cell = CellGraph(
        "cell",
        1,
        (Node((0,), ("conv_3x3",)), Node((0, 1), ("skip_connect", "pool")), Node((0, 1, 2), ("none", "skip_connect", "conv_1x1"))),
    )
    features = cell_features(cell, 1, WEIGHTS)
    assert features.counts == {
        "input 0 conv_3x3": 1,
        "input 0 conv_1x1": 1,
        "input 0 conv_3x3 pool conv_1x1": 1,
    }
    assert features.weights == {
        "input 0 conv_3x3": DECAY,
        "input 0 conv_1x1": DECAY,
        "input 0 conv_3x3 pool conv_1x1": DECAY**3,
    }
    expected = {"conv_3x3": 1, "conv_1x1": 1, "pool": 1, "parameters": log(11), "paths": 3, "least depth": 1, "greatest depth": 2}
    assert features.sizes == expected


def test_all_nodes_may_be_outputs():
    cell = CellGraph("cell", 2, (Node((0, 1), ("pool", "conv_1x1")), Node((1, 2), ("pool", "skip_connect"))))
    features = cell_features(cell, 2, WEIGHTS)
    assert features.counts == {"input 0 pool": 2, "input 1 conv_1x1": 2, "input 1 pool": 1}
    assert features.sizes["pool"] == 2  # one for each input


def test_a_cell_of_nothing_has_no_paths():
    features = cell_features(CellGraph("cell", 1, (Node((0,), ("none",)),)), 1, WEIGHTS)
    assert features == Features({}, {"parameters": 0, "paths": 0, "least depth": 0, "greatest depth": 0})


def test_the_features_of_cells_are_kept_apart():
    both = combined_features({"normal": Features({"a": 1}, {"s": 2}, {"a": 0.5}), "reduction": Features({"a": 3}, {})})
    assert both == Features({"normal: a": 1, "reduction: a": 3}, {"normal: s": 2}, {"normal: a": 0.5})
