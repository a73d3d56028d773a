import torch

from archwright.ops.recurrent_edges import RecurrentEdges, products

EDGES = [(0, 1), (0, 2), (1, 3), (1, 4)]
READERS = {0: (1, 2), 1: (3, 4)}


def test_every_edge_has_a_matrix_and_those_of_the_input_two():
    edges = RecurrentEdges(EDGES, 5, highway=True)
    assert set(edges.of_states) == {"0->1", "0->2", "1->3", "1->4"}
    assert set(edges.of_inputs) == {"0->1", "0->2"}
    assert {tuple(parameter.shape) for parameter in edges.parameters()} == {(5, 2, 5)}


def test_concatenated_products_equal_those_of_each_edge():
    torch.manual_seed(0)
    edges = RecurrentEdges(EDGES, 5, highway=True)
    state, mask = torch.randn(3, 5), torch.tensor([0.0, 2.0, 2.0, 0.0, 2.0])
    read = products(state, edges.joined(READERS)[1], 2, mask)
    for i, name in enumerate(("1->3", "1->4")):
        matrix = edges.of_states[name]
        torch.testing.assert_close(read.values[:, i], (state * mask) @ matrix[:, 0])
        torch.testing.assert_close(read.gates[:, i], ((state * mask) @ matrix[:, 1]).sigmoid())


def test_the_contribution_of_the_input_is_added():
    torch.manual_seed(0)
    edges = RecurrentEdges(EDGES, 5, highway=False)
    x, state = torch.randn(2, 3, 5), torch.randn(3, 5)
    added = edges.of_input(x, READERS)
    assert added.shape == (2, 3, 2 * 5)
    read = products(state, edges.joined(READERS)[0], 1, None, added[1])
    expected = x[1] @ edges.of_inputs["0->2"][:, 0] + state @ edges.of_states["0->2"][:, 0]
    torch.testing.assert_close(read.values[:, 1], expected)
    assert read.gates is None
