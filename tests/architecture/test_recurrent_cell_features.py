from archwright.architecture.recurrent_cell import RecurrentCell
from archwright.architecture.recurrent_cell_features import graph_of_recurrent_cell, recurrent_cell_features

PAPER = RecurrentCell((0, 1, 2, 1), ("tanh", "relu", "relu", "tanh"))
TWINS = RecurrentCell((0, 1, 1), ("tanh", "relu", "relu"))


def test_features_are_the_paths_and_the_sizes():
    features = recurrent_cell_features(PAPER)
    assert features.counts == {
        "tanh": 1,
        "tanh relu": 1,
        "tanh relu relu": 1,
        "tanh tanh": 1,
        "output tanh relu relu": 1,
        "output tanh tanh": 1,
    }
    assert features.sizes == {
        "tanh": 2,
        "relu": 2,
        "output relu": 1,
        "output tanh": 1,
        "nodes": 4,
        "nodes of the input": 1,
        "nodes of the output": 2,
        "mean depth": 2.5,
        "greatest depth": 3,
    }
    assert features.weights["tanh"] > features.weights["tanh relu"] > features.weights["output tanh relu relu"]
    assert features.weights.keys() == features.counts.keys()


def test_twins_are_two_nodes():
    assert recurrent_cell_features(TWINS).counts["output tanh relu"] == 2


def test_the_graph_has_a_node_for_each_and_the_output_reads_the_loose_ends():
    graph = graph_of_recurrent_cell(PAPER)
    assert graph.labels == ("input", "tanh", "relu", "relu", "tanh", "output")
    assert set(graph.edges) == {(0, 1), (1, 2), (2, 3), (1, 4), (3, 5), (4, 5)}
