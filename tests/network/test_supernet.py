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


def test_gates_have_one_row_per_edge_and_zeros_after_its_last_candidate():
    assert CELL.shape == (5, 3)
    assert CELL.mask.tolist() == [[True] * 3] * 2 + [[True, True, False]] * 3


def test_edges_with_the_same_target_are_grouped_in_order():
    assert CELL.targets == {"2": (0, 1), "3": (2, 3, 4)}
    assert list(CELL.targets) == ["2", "3"]


def test_a_target_that_is_not_named_keeps_all_its_edges():
    assert CELL.keeps("2") == 2
    assert CELL.keeps("3") == 2


def test_one_hot_gates():
    gates = CELL.one_hot([("1->2", "conv"), ("0->3", "none"), ("2->3", "conv")])
    assert gates.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert gates.dtype == torch.float32


def test_a_repeated_pair_counts_twice():
    assert CELL.one_hot([("0->2", "skip"), ("0->2", "skip"), ("0->2", "conv")])[0].tolist() == [0, 2, 1]


@pytest.mark.parametrize(("pair", "error"), [(("0->4", "conv"), KeyError), (("0->3", "skip"), ValueError)])
def test_an_unknown_edge_or_candidate_has_no_gate(pair, error):
    with pytest.raises(error):
        CELL.one_hot([pair])
