import math
from random import Random

import pytest

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownSetting
from archwright.search_space import make_space
from archwright.search_space.cell import Cell
from archwright.search_space.enas_micro import EnasMicro

IMAGES = Problem("toy", "classification", (1, 16, 16), outputs=4)


def test_seven_nodes_are_counted_exactly_and_as_in_the_paper():
    space = EnasMicro(nodes=7)
    assert space.count() == 25_628_906_250_000_000_000_000_000
    assert space.published().value == 129_600_000_000
    assert "1802.03268" in space.published().source


@pytest.mark.parametrize("nodes", [3, 4, 5, 6, 7, 8])
def test_the_count_is_the_formula_of_its_nodes(nodes):
    space = EnasMicro(nodes=nodes)
    assert space.count() == (5 ** (nodes - 2) * math.factorial(nodes - 1)) ** 4
    assert space.published().value == (5 * math.factorial(nodes - 2)) ** 4


def test_it_says_why_the_papers_figure_is_another():
    assert "counts the 5 operations once, not per node" in EnasMicro().published().source


def test_it_is_the_cell_space_under_another_name():
    space = EnasMicro(nodes=5, filters=4).for_problem(IMAGES)
    cell = Cell(operations="enas", inputs="any", blocks=3, filters=4).for_problem(IMAGES)
    assert space.cell == cell
    assert space.questions() == cell.questions()
    for seed in range(5):
        own, other = space.sample(Random(seed)), cell.sample(Random(seed))
        assert own.space == "enas_micro"
        assert own.answers == other.answers
        assert space.describe(own) == cell.describe(other)
        assert space.canonical(own) == cell.canonical(other)
        assert space.features(own) == cell.features(other)
        assert space.graph(own) == cell.graph(other)
        assert space.compose(space.describe(own)) == own


def test_a_supernets_architectures_are_of_this_space():
    space = EnasMicro(nodes=4, filters=2, inputs="distinct").for_problem(IMAGES)
    supernet, architecture = space.supernet(IMAGES), space.sample(Random(0))
    gates = supernet.gates_of(architecture)
    choice = {e.name: e.candidates[int(row.argmax())] for e, row in zip(supernet.mixture.edges, gates, strict=True) if row.any()}
    assert supernet.architecture_of(choice) == architecture


def test_it_grows_by_a_node():
    order = EnasMicro(nodes=4).growth_order()
    assert order.space == EnasMicro(nodes=4, fewest_nodes=3)
    assert order.levels == 2
    (one,) = {len(order.space.describe(a).normal.nodes) for a in order.extensions(1, None, 5, Random(0))}
    assert one == 1


def test_cells_of_several_sizes_share_no_weights():
    space = EnasMicro(nodes=5, fewest_nodes=4)
    assert space.published() is None
    with pytest.raises(
        InputError, match="space 'enas_micro' shares weights only among cells of the same size: leave out fewest_nodes"
    ):
        space.supernet(IMAGES)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"nodes": 2}, "'nodes': 2 is out of range: choose from 3 to 12"),
        ({"nodes": 5, "fewest_nodes": 6}, "'fewest_nodes': 6 is out of range: choose from 3 to 5"),
        ({"inputs": "all"}, "choose from any, distinct"),
        ({"blocks": 5}, "no setting 'blocks'"),
    ],
)
def test_settings_out_of_range(setting, told):
    with pytest.raises(UnknownSetting, match=told):
        make_space("enas_micro", setting)
