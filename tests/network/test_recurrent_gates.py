import pytest
import torch

from archwright.errors import InputError
from archwright.network.recurrent_gates import gate_shares, loose_shares, open_readers

PAIRS = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def test_shares_of_the_gates_into_a_node_sum_to_one():
    gates = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [0.0, 3.0]])
    shares = gate_shares(PAIRS, gates)
    assert shares.tolist() == [[1, 0], [0.25, 0.25], [0, 0.5], [0.25, 0], [0, 0], [0, 0.75]]


def test_a_node_is_a_loose_end_to_the_degree_that_no_node_reads_it():
    """Node 1 has a share of a half in node 2 and of zero in node 3; node 2 has three quarters in node 3, the last one."""
    gates = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [0.0, 3.0]])
    loose = torch.tensor([0.5 * 1.0, 0.25, 1.0])
    torch.testing.assert_close(loose_shares(PAIRS, gate_shares(PAIRS, gates)), loose / loose.sum())


def test_under_one_hot_gates_the_loose_ends_have_equal_shares():
    gates = torch.zeros(6, 2)
    gates[[0, 2, 4], [0, 1, 1]] = 1.0  # 0 -> 1, 1 -> 2, 1 -> 3
    assert loose_shares(PAIRS, gate_shares(PAIRS, gates)).tolist() == [0.0, 0.5, 0.5]


def test_closed_edges_are_left_out_and_the_others_are_sorted_by_source():
    gates = torch.zeros(6, 2)
    gates[[0, 1, 2, 5], [0, 1, 1, 0]] = 1.0
    opened = open_readers(PAIRS, gate_shares(PAIRS, gates))
    assert [(source, readers.targets) for source, readers in opened.items()] == [(0, (1, 2)), (1, (2,)), (2, (3,))]
    assert [readers.shares.tolist() for readers in opened.values()] == [[[1, 0], [0, 0.5]], [[0, 0.5]], [[1, 0]]]


def test_gradients_agree_with_finite_differences_and_zeros_have_none():
    torch.manual_seed(0)
    gates = torch.rand(6, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda g: (gate_shares(PAIRS, g), loose_shares(PAIRS, gate_shares(PAIRS, g))), (gates,))
    one_hot = torch.zeros(6, 2, dtype=torch.float64)
    one_hot[[0, 2, 4], [0, 1, 1]] = 1.0
    one_hot.requires_grad_()
    (gradient,) = torch.autograd.grad((gate_shares(PAIRS, one_hot) * torch.randn(6, 2)).sum(), one_hot)
    assert not gradient[one_hot == 0].any()


def test_a_node_with_only_zero_gates_is_an_error():
    gates = torch.ones(6, 2)
    gates[1:3] = 0.0
    with pytest.raises(InputError, match="all gates into node 2 are zero"):
        gate_shares(PAIRS, gates)
