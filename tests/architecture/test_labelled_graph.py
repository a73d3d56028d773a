from archwright.architecture.cell_graph import CellGraph, Node
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_answers, graph_of_cells, graph_of_layers
from archwright.architecture.layer_graph import Layer, LayerGraph


def edges_by_label(graph):
    return sorted((graph.labels[source], graph.labels[reader]) for source, reader in graph.edges)


def test_answers_are_a_chain_in_the_order_of_asking():
    graph = graph_of_answers({"depth": 1, "stage0/width": 8, "stage0/op": None})
    assert graph == LabelledGraph(("depth=1", "width=8", "op=None"), ((0, 1), (1, 2)))


def test_the_graph_of_a_cell_has_no_skips_and_nothing_dead():
    nodes = (Node((0,), ("conv",)), Node((0, 1), ("none", "pool")), Node((0, 1, 2), ("conv", "skip_connect", "none")))
    graph = graph_of_cells({"cell": CellGraph("cell", 1, nodes)}, {"cell": 1})
    assert sorted(graph.labels) == ["cell conv", "cell conv", "cell input 0", "cell output"]
    assert edges_by_label(graph) == [("cell conv", "cell output")] * 2 + [("cell input 0", "cell conv")] * 2


def test_every_output_is_a_node_and_cells_are_not_joined():
    cell = CellGraph("normal", 2, (Node((0, 1), ("conv", "pool")), Node((2, 1), ("conv", "none"))))
    graph = graph_of_cells({"normal": cell, "reduction": cell}, {"normal": 2, "reduction": 2})
    assert graph.labels.count("normal output") == graph.labels.count("reduction output") == 2
    assert all(graph.labels[one].split()[0] == graph.labels[other].split()[0] for one, other in graph.edges)
    assert ("normal conv", "normal conv") in edges_by_label(graph)
    assert ("normal pool", "normal conv") in edges_by_label(graph)


def test_a_layer_is_its_operation_and_a_sum_where_it_adds_skips():
    graph = graph_of_layers(LayerGraph((Layer("conv", ()), Layer("pool", (1,)), Layer("conv", ())), reductions=1, filters=1))
    assert graph.labels == ("input", "conv at 0", "pool at 1", "sum", "conv at 1")
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (1, 3), (3, 4))
