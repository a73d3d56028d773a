from itertools import permutations, product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.recurrent_cell import RecurrentCell, canonical_text

PAPER = RecurrentCell((0, 1, 2, 1), ("tanh", "relu", "relu", "tanh"))
"""The worked example of Pham et al. 2018, section 2.1."""


def random_cell(nodes, rng, activations=("tanh", "relu")):
    return RecurrentCell(tuple(rng.randrange(node) for node in range(1, nodes + 1)), tuple(rng.choices(activations, k=nodes)))


def relabelled(cell, order):
    """The same cell with its nodes in `order` (old numbers); None where a node would come before the one it reads."""
    place = {0: 0, **{old: new for new, old in enumerate(order, start=1)}}
    sources = tuple(place[cell.sources[old - 1]] for old in order)
    if any(source >= node for node, source in enumerate(sources, start=1)):
        return None
    return RecurrentCell(sources, tuple(cell.activations[old - 1] for old in order))


def test_readers_and_outputs_of_the_nodes():
    assert PAPER.readers == {0: (1,), 1: (2, 4), 2: (3,)}
    assert PAPER.outputs == (3, 4)
    assert RecurrentCell(PAPER.sources, PAPER.activations, averaged="all_nodes").outputs == (1, 2, 3, 4)
    assert [PAPER.path(node) for node in (1, 3)] == [("tanh",), ("tanh", "relu", "relu")]


def test_the_text_is_that_of_a_tree():
    assert canonical_text(PAPER) == "input(tanh(relu(relu),tanh))"


def test_two_cells_have_one_text_exactly_where_brute_force_finds_a_relabelling():
    """All cells of up to four nodes with two activations."""
    for nodes in range(1, 5):
        sources = list(product(*(range(node) for node in range(1, nodes + 1))))
        cells = [RecurrentCell(s, a) for s in sources for a in product(("tanh", "relu"), repeat=nodes)]
        texts = {cell: canonical_text(cell) for cell in cells}
        for cell in cells:
            isomorphic = {relabelled(cell, order) for order in permutations(cell.nodes)} - {None}
            assert {other for other in cells if texts[other] == texts[cell]} == isomorphic


@settings(deadline=None, max_examples=80)
@given(nodes=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_the_order_of_nodes_does_not_matter(nodes, seed):
    rng = Random(seed)
    cell = random_cell(nodes, rng)
    order, left = [], set(cell.nodes)
    while left:  # any order in which no node comes before the one it reads
        order.append(rng.choice([node for node in sorted(left) if cell.sources[node - 1] not in left]))
        left.remove(order[-1])
    other = relabelled(cell, order)
    assert canonical_text(other) == canonical_text(cell)
    assert sorted(map(other.path, other.outputs)) == sorted(map(cell.path, cell.outputs))
