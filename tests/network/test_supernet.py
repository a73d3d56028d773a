import pytest
import torch

from archwright.network.supernet import Edge, Mixture

CELL = Mixture(
    (
        Edge("0->2", ("none", "skip", "conv"), "2"),
        Edge("1->2", ("none", "skip", "conv"), "2"),
        Edge("0->3", ("none", "conv"), "3"),
        Edge("1->3", ("none", "conv"), "3"),
        Edge("2->3", ("none", "conv"), "3"),
    ),
    {"3": 2},
)


def test_gates_have_a_row_an_edge_and_zeros_behind_its_last_candidate():
    assert CELL.shape == (5, 3)
    assert CELL.mask.tolist() == [[True] * 3] * 2 + [[True, True, False]] * 3


def test_edges_with_one_target_are_found_together_in_their_order():
    assert CELL.targets == {"2": (0, 1), "3": (2, 3, 4)}
    assert list(CELL.targets) == ["2", "3"]


def test_a_target_that_is_not_named_keeps_all_its_edges():
    assert CELL.keeps("2") == 2
    assert CELL.keeps("3") == 2


def test_one_hot_gates():
    gates = CELL.one_hot([("1->2", "conv"), ("0->3", "none"), ("2->3", "conv")])
    assert gates.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert gates.dtype == torch.float32


def test_what_is_connected_twice_counts_twice():
    assert CELL.one_hot([("0->2", "skip"), ("0->2", "skip"), ("0->2", "conv")])[0].tolist() == [0, 2, 1]


@pytest.mark.parametrize(("pair", "error"), [(("0->4", "conv"), KeyError), (("0->3", "skip"), ValueError)])
def test_what_there_is_not_has_no_gate(pair, error):
    with pytest.raises(error):
        CELL.one_hot([pair])
