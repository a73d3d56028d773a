"""The published counts of recurrent cells, which cells are the same, and what the space refuses."""

from math import factorial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.recurrent_cell import RecurrentCell
from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space.recurrent import Recurrent, forests

TEXT = Problem("toy", "language_modelling", (6,), outputs=5)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 5])
def test_there_are_as_many_cells_as_the_formula_says(nodes):
    space = Recurrent(nodes=nodes)
    assert space.count() == 4**nodes * factorial(nodes)
    if nodes < 5:
        assert len(set(space.enumerate())) == space.count()


def test_twelve_nodes_are_about_ten_to_the_fifteenth():
    space = Recurrent(nodes=12)
    assert space.count() == space.published().value == 8_036_313_307_545_600
    assert "1802.03268" in space.published().source


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_the_distinct_are_those_whose_canonical_texts_differ(nodes):
    space = Recurrent(nodes=nodes)
    assert space.count_distinct() == len({space.canonical(architecture) for architecture in space.enumerate()})


def test_trees_without_colours_would_be_the_known_sequence(monkeypatch):
    """A000081 (Sloane): rooted trees with one node more than the forest."""
    monkeypatch.setattr("archwright.search_space.recurrent.ACTIVATIONS", ("tanh",))
    forests.cache_clear()
    try:
        assert [forests(nodes) for nodes in range(9)] == [1, 1, 2, 4, 9, 20, 48, 115, 286]
    finally:
        forests.cache_clear()


def test_smaller_cells_count_too_where_their_size_is_searched():
    space = Recurrent(nodes=3, fewest_nodes=2)
    assert space.count() == len(list(space.enumerate())) == 32 + 384
    assert space.count_distinct() == len({space.canonical(architecture) for architecture in space.enumerate()})
    assert space.published() is None


@settings(deadline=None, max_examples=50)
@given(nodes=st.integers(1, 12), fewest=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_descriptions_and_architectures_are_two_ways_to_say_one_thing(nodes, fewest, seed):
    space = Recurrent(nodes=max(nodes, fewest), fewest_nodes=fewest, averaged="all_nodes", highway=False)
    architecture = space.sample(Random(seed))
    cell = space.describe(architecture)
    assert space.compose(cell) == architecture
    assert fewest <= len(cell.nodes) <= max(nodes, fewest)
    assert all(source < node for node, source in zip(cell.nodes, cell.sources, strict=True))


def test_the_worked_example_of_the_paper_is_in_the_space():
    """Pham et al. 2018, section 2.1, with the answers that its controller gives."""
    space = Recurrent(nodes=4, highway=False)
    answers = {"1/activation": "tanh", "2/input": 1, "2/activation": "relu", "3/input": 2, "3/activation": "relu"}
    architecture = space.architecture({**answers, "4/input": 1, "4/activation": "tanh"})
    assert space.describe(architecture) == RecurrentCell((0, 1, 2, 1), ("tanh", "relu", "relu", "tanh"))


def test_all_cells_of_as_many_nodes_that_read_the_input_are_of_one_size():
    """Of width H: an embedding and its bias; one H x H or H x 2 H matrix per node, and one more for each that reads the input."""
    for highway in (False, True):
        space = Recurrent(nodes=5, width=4, highway=highway)
        for seed in range(5):
            cell = space.describe(space.sample(Random(seed)))
            matrices = (5 + cell.sources.count(0)) * 4 * 4 * (2 if highway else 1)
            assert parameter_count(space.build(cell, TEXT)) == 5 * 4 + 5 + matrices


def test_cells_grow_by_a_node():
    """The paper's first node has one input and four activations; a second reads the input or the first."""
    order = Recurrent(nodes=4).growth_order()
    first = list(order.extensions(1, None, 100, Random(0)))
    assert (order.levels, len(first)) == (4, 4)
    second = list(order.extensions(2, first[2], 100, Random(0)))
    assert len(set(second)) == 2 * 4
    assert {architecture.answers["1/activation"] for architecture in second} == {"identity"}


def test_other_tasks_are_refused():
    images = Problem("digits", "classification", (1, 8, 8), outputs=10)
    for ask in (Recurrent().for_problem, Recurrent().supernet):
        with pytest.raises(InputError, match=r"space 'recurrent' builds language models, not networks for classification.*chain"):
            ask(images)
    assert Recurrent().for_problem(TEXT) == Recurrent()


def test_what_its_supernet_cannot_do_is_refused():
    with pytest.raises(InputError, match="leave out fewest_nodes"):
        Recurrent(nodes=3, fewest_nodes=2).supernet(TEXT)
    with pytest.raises(InputError, match="set partial_channels=1"):
        Recurrent().supernet(TEXT, partial_channels=4)
    with pytest.raises(InputError, match="set auxiliary_skip=false"):
        Recurrent().supernet(TEXT, auxiliary_skip=True)
