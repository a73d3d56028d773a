from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.cell_graph import CellGraph, Node, canonical_form

OPERATIONS = ("conv", "pool", "none")


def random_cell(blocks, rng):
    nodes = (
        Node((rng.randrange(2 + i), rng.randrange(2 + i)), (rng.choice(OPERATIONS), rng.choice(OPERATIONS))) for i in range(blocks)
    )
    return CellGraph("cell", 2, tuple(nodes))


def relabelled(cell, order):
    """The same cell with its nodes in `order` (new position -> old node), and the edges of each node reversed."""
    place = {0: 0, 1: 1, **{2 + old: 2 + new for new, old in enumerate(order)}}
    nodes = []
    for old in order:
        node = cell.nodes[old]
        nodes.append(Node(tuple(place[i] for i in reversed(node.inputs)), tuple(reversed(node.operations))))
    return CellGraph(cell.name, 2, tuple(nodes))


def edge_lists(cell, order):
    place = {0: 0, 1: 1, **{2 + old: 2 + new for new, old in enumerate(order)}}
    return tuple(tuple(sorted((place[state], op) for state, op in cell.nodes[old].edges)) for old in order)


def isomorphic(one, other):
    """By trying every order of the nodes: the oracle."""
    identity = tuple(range(len(other.nodes)))
    return any(edge_lists(one, order) == edge_lists(other, identity) for order in permutations(range(len(one.nodes))))


@settings(deadline=None, max_examples=80)
@given(blocks=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_the_order_of_nodes_and_edges_does_not_matter(blocks, seed):
    rng = Random(seed)
    cell = random_cell(blocks, rng)
    order = list(range(blocks))
    rng.shuffle(order)
    assert canonical_form(relabelled(cell, order)) == canonical_form(cell)


def test_the_same_form_exactly_where_brute_force_finds_an_isomorphism():
    pairs = list(product(range(2), repeat=2))
    cells = [
        CellGraph("cell", 2, (Node(first, (a, "conv")), Node((second, third), ("pool", b)), Node((2, 3), ("conv", c))))
        for first in pairs
        for second, third in product(range(3), repeat=2)
        for a, b, c in product(("conv", "none"), repeat=3)
    ]
    rng = Random(0)
    equal = 0
    for _ in range(3000):
        one, other = rng.choice(cells), rng.choice(cells)
        same = canonical_form(one) == canonical_form(other)
        assert same == isomorphic(one, other)
        equal += same
    assert equal > 20


def test_sharing_a_node_is_not_the_same_as_repeating_it():
    first, second = Node((0, 1), ("conv", "pool")), Node((0, 1), ("conv", "pool"))
    shared = CellGraph("cell", 2, (first, second, Node((2, 2), ("conv", "conv"))))
    repeated = CellGraph("cell", 2, (first, second, Node((2, 3), ("conv", "conv"))))
    assert canonical_form(shared) != canonical_form(repeated)


def test_what_none_would_read_does_not_matter():
    one = CellGraph("cell", 2, (Node((0, 1), ("conv", "none")),))
    other = CellGraph("cell", 2, (Node((1, 0), ("none", "conv")),))
    assert canonical_form(one) == canonical_form(other)
    assert one.nodes[0].edges == ((0, "conv"),)


@pytest.mark.timeout(5)
def test_many_equal_nodes_are_handled():
    cell = CellGraph("cell", 2, tuple(Node((0, 1), ("conv", "conv")) for _ in range(10)))
    assert len(canonical_form(cell)) == 10
