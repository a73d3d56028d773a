from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from archwright.architecture.cell_expression import SKIP, expressions, paths, term_counts
from archwright.architecture.cell_graph import NONE, CellGraph, Node

INPUTS = 2
OPERATIONS = [NONE, SKIP, "conv", "pool"]


@st.composite
def cells(draw):
    nodes = []
    for states in range(INPUTS, INPUTS + draw(st.integers(1, 4))):
        edges = draw(st.lists(st.tuples(st.integers(0, states - 1), st.sampled_from(OPERATIONS)), min_size=1, max_size=3))
        nodes.append(Node(tuple(source for source, _ in edges), tuple(op for _, op in edges)))
    return CellGraph("cell", INPUTS, tuple(nodes))


def walked(cell, state, behind=()):
    """Every way from an input to `state`, walked edge by edge."""
    if state < INPUTS:
        return Counter([(f"input {state}", *behind)])
    ways = Counter()
    node = cell.nodes[state - INPUTS]
    for source, op in zip(node.inputs, node.operations, strict=True):
        if op != NONE:
            ways += walked(cell, source, behind if op == SKIP else (op, *behind))
    return ways


@given(cells())
def test_paths_are_those_that_one_can_walk(cell):
    for state, expression in enumerate(expressions(cell)):
        assert paths(expression) == walked(cell, state)


def cell(*nodes):
    return CellGraph("cell", 1, tuple(Node(*zip(*edges, strict=True)) for edges in nodes))


INPUT = ("input 0", ())


def test_a_skip_is_what_it_skips_from_and_an_operation_on_nothing_is_nothing():
    states = expressions(cell([(0, SKIP)], [(1, "conv")], [(0, NONE)], [(3, "conv"), (2, "pool"), (2, SKIP)]))
    conv = ("conv", (INPUT,))
    assert states == [(INPUT,), (INPUT,), (conv,), (), (conv, ("pool", (conv,)))]


def test_a_node_read_twice_is_counted_once_and_two_equal_ones_in_a_sum_twice():
    (*_, once) = expressions(cell([(0, "conv")], [(1, SKIP)], [(1, "pool"), (2, "conv")]))
    conv = ("conv", (INPUT,))
    assert term_counts([once]) == {INPUT: 1, conv: 1, ("pool", (conv,)): 1, ("conv", (conv,)): 1}
    (*_, twice) = expressions(cell([(0, "conv"), (0, "conv")], [(1, "pool")]))
    assert term_counts([twice]) == {INPUT: 1, conv: 2, ("pool", (conv, conv)): 1}


def test_what_no_output_needs_is_not_counted():
    states = expressions(cell([(0, "conv")], [(0, "pool")]))
    assert term_counts(states[-1:]) == {INPUT: 1, ("pool", (INPUT,)): 1}
