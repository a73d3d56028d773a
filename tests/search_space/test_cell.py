import math
from random import Random

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer, UnknownSetting
from archwright.ops.candidate_operations import CANDIDATES
from archwright.search_space import make_space
from archwright.search_space.cell import OPERATIONS, Cell


def problem(*shape):
    return Problem("toy", "classification", shape, outputs=4)


@pytest.mark.parametrize(("name", "size"), [("nasnet", 13), ("darts", 8), ("pnas", 8), ("enas", 5)])
def test_the_operation_sets_have_the_papers_sizes_and_can_be_built(name, size):
    assert len(set(OPERATIONS[name])) == size
    assert set(OPERATIONS[name]) <= set(CANDIDATES)


def test_the_size_of_darts():
    space = Cell(operations="darts", blocks=4, cells=2, inputs="distinct")
    assert space.count() == 1_076_746_950_455_072_400
    assert space.published().value == space.count()
    assert "none" not in space.operation_names


def test_the_size_of_pnas():
    one = Cell(operations="pnas", blocks=1, cells=1, inputs="any")
    assert (one.count(), one.count_distinct()) == (256, 136)  # Liu et al. 2018, section 3.1
    five = Cell(operations="pnas", blocks=5, cells=1, inputs="any")
    assert five.count() == five.published().value == pytest.approx(5.6e14, rel=0.01)


def test_the_size_of_enas():
    space = Cell(operations="enas", blocks=5, cells=2, inputs="any")
    assert space.count() == (5**5 * math.factorial(6)) ** 4 == 25_628_906_250_000_000_000_000_000
    assert space.published().value == 129_600_000_000
    assert "1.3 x 10^11" in space.published().source


@pytest.mark.parametrize("settings", [{"operations": "nasnet"}, {"operations": "darts", "inputs": "any"}, {"cells": 1}])
def test_no_number_where_no_paper_gives_one(settings):
    assert Cell(**settings).published() is None


@pytest.mark.parametrize(("inputs", "cells", "blocks"), [("any", 1, 2), ("any", 2, 1), ("distinct", 1, 3), ("distinct", 2, 2)])
def test_count_is_enumeration(inputs, cells, blocks, monkeypatch):
    monkeypatch.setitem(OPERATIONS, "enas", ("skip_connect", "max_pool_3x3"))
    space = Cell(operations="enas", inputs=inputs, cells=cells, blocks=blocks)
    architectures = list(space.enumerate())
    assert len(architectures) == space.count()
    assert len({space.canonical(architecture) for architecture in architectures}) == space.count_distinct()


@pytest.mark.parametrize(("cells", "blocks", "fewest"), [(1, 3, 2), (2, 2, 1)])
def test_cells_of_several_sizes_are_counted(cells, blocks, fewest, monkeypatch):
    monkeypatch.setitem(OPERATIONS, "enas", ("skip_connect", "max_pool_3x3"))
    space = Cell(operations="enas", cells=cells, blocks=blocks, fewest_blocks=fewest)
    sizes = [Cell(operations="enas", cells=cells, blocks=size) for size in range(fewest, blocks + 1)]
    architectures = list(space.enumerate())
    assert len(architectures) == space.count() == sum(of_one_size.count() for of_one_size in sizes)
    assert len({space.canonical(architecture) for architecture in architectures}) == space.count_distinct()
    for architecture in architectures[:: len(architectures) // 20]:
        pair = space.describe(architecture)
        assert {len(cell.nodes) for cell in (pair.normal, pair.reduction) if cell is not None} == {architecture.answers["blocks"]}
        assert space.compose(pair) == architecture


def test_cells_of_several_sizes_share_no_weights_and_are_in_no_paper():
    space = Cell(blocks=4, fewest_blocks=2)
    assert space.published() is None
    assert Cell(blocks=4, fewest_blocks=4).published() == Cell(blocks=4).published()
    with pytest.raises(InputError, match="shares weights only among cells of the same size: leave out fewest_blocks"):
        space.supernet(problem(1, 8, 8))
    with pytest.raises(UnknownSetting, match="'fewest_blocks': 5 is out of range: choose from 1 to 4"):
        Cell(blocks=4, fewest_blocks=5)


def test_distinct_inputs_are_distinct_and_any_may_repeat():
    distinct, repeats = Cell(inputs="distinct"), Cell(inputs="any")
    nodes = [node for seed in range(50) for node in distinct.describe(distinct.sample(Random(seed))).normal.nodes]
    assert all(node.inputs[0] < node.inputs[1] for node in nodes)
    nodes = [node for seed in range(50) for node in repeats.describe(repeats.sample(Random(seed))).normal.nodes]
    assert any(node.inputs[0] == node.inputs[1] for node in nodes)
    assert any(node.inputs[0] > node.inputs[1] for node in nodes)


def test_a_node_reads_only_what_comes_before_it():
    space = Cell(inputs="any", blocks=5)
    for seed in range(30):
        cell = space.describe(space.sample(Random(seed))).reduction
        assert all(max(node.inputs) < 2 + i for i, node in enumerate(cell.nodes))


def test_one_cell_or_two():
    assert Cell(cells=1).describe(Cell(cells=1).sample(Random(0))).reduction is None
    two = Cell(cells=2)
    pair = two.describe(two.sample(Random(0)))
    assert (pair.normal.name, pair.reduction.name) == ("normal", "reduction")
    assert two.count() == Cell(cells=1).count() ** 2


def test_the_order_of_a_nodes_edges_and_of_nodes_does_not_matter():
    space = Cell(operations="enas", inputs="any", cells=1, blocks=2)
    first = {
        "normal/0/input/0": 0,
        "normal/0/input/1": 1,
        "normal/0/operation/0": "sep_conv_3x3",
        "normal/0/operation/1": "skip_connect",
    }
    second = {
        "normal/1/input/0": 1,
        "normal/1/input/1": 1,
        "normal/1/operation/0": "max_pool_3x3",
        "normal/1/operation/1": "skip_connect",
    }
    swapped = {
        "normal/0/input/0": 1,
        "normal/0/input/1": 1,
        "normal/0/operation/0": "skip_connect",
        "normal/0/operation/1": "max_pool_3x3",
        "normal/1/input/0": 1,
        "normal/1/input/1": 0,
        "normal/1/operation/0": "skip_connect",
        "normal/1/operation/1": "sep_conv_3x3",
    }
    one, other = space.architecture({**first, **second}), space.architecture(swapped)
    assert one != other
    assert space.canonical(one) == space.canonical(other)
    changed = space.architecture({**first, **second, "normal/1/input/1": 2})
    assert space.canonical(changed) != space.canonical(one)


def test_along_one_axis_two_operations_are_one():
    space = Cell(operations="nasnet", cells=1, blocks=1)
    answers = {"normal/0/inputs": "0,1", "normal/0/operation/0": "conv_3x3", "normal/0/operation/1": "skip_connect"}
    alias = {**answers, "normal/0/operation/0": "conv_1x3_3x1"}
    for shape, same in (((1, 16), True), ((1, 16, 16), False)):
        made = space.for_problem(problem(*shape))
        texts = {made.canonical(made.architecture(chosen)) for chosen in (answers, alias)}
        assert (len(texts) == 1) == same


@pytest.mark.parametrize(
    ("shape", "reductions"),
    [
        ((3, 32, 32), 2),
        ((1, 28, 28), 2),
        ((1, 8, 8), 1),
        ((1, 7, 20), 1),
        ((1, 6, 6), 0),
        ((3, 64, 64), 3),
        ((3, 224, 224), 4),
        ((2, 50), 3),
        ((1, 2000), 4),
        ((1, 3), 0),
    ],
)
def test_the_input_decides_how_often_it_is_halved(shape, reductions):
    space = Cell().for_problem(problem(*shape))
    assert space.reductions == reductions
    assert space.dimensions == len(shape) - 1


def test_where_nothing_is_reduced_no_reduction_cell_is_asked_for():
    space = Cell().for_problem(problem(1, 5, 5))
    assert not any(question.name.startswith("reduction") for question in space.questions())
    assert space.count() == Cell(cells=1).count()
    assert space.network(space.sample(Random(0)), problem(1, 5, 5))(torch.randn(2, 1, 5, 5)).shape == (2, 4)


def test_reductions_that_are_set_are_kept_or_refused():
    assert Cell(reductions=3).for_problem(problem(1, 8, 8)).reductions == 3
    with pytest.raises(InputError, match=r"4 reductions are too many for inputs of shape \(1, 8, 8\): set fewer"):
        Cell(reductions=4).for_problem(problem(1, 8, 8))


def test_flat_features_are_sent_to_the_chain():
    with pytest.raises(InputError, match=r"not inputs of shape \(20,\): use space 'chain'"):
        Cell().for_problem(problem(20))


def test_a_space_made_for_images_takes_no_series():
    with pytest.raises(InputError, match=r"made for 2-D inputs, but these have shape \(1, 64\)"):
        Cell().for_problem(problem(1, 32, 32)).for_problem(problem(1, 64))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"blocks": 0}, "'blocks': 0 is out of range: choose from 1 to 10"),
        ({"cells": "3"}, "'cells': '3' is not allowed: choose from 1, 2"),
        ({"operations": "resnet"}, "choose from nasnet, darts, pnas, enas"),
        ({"inputs": "all"}, "choose from any, distinct"),
        ({"filters": 0}, "'filters': 0"),
        ({"filters": 10**9}, "'filters': 1000000000"),
        ({"repeats": -1}, "'repeats': -1"),
        ({"block": 3}, r"no setting 'block' \(did you mean 'blocks'\?\)"),
    ],
)
def test_settings_out_of_range(setting, message):
    with pytest.raises(UnknownSetting, match=message):
        make_space("cell", setting)


def test_an_answer_of_another_space_is_refused():
    with pytest.raises(UnknownAnswer, match="choose from"):
        Cell(operations="enas").describe(Cell(operations="nasnet").sample(Random(3)))


@pytest.mark.parametrize(
    "settings", [{}, {"inputs": "any"}, {"operations": "pnas", "cells": 1, "inputs": "any"}, {"reductions": 0}]
)
def test_an_architecture_is_composed_again_from_its_cells(settings):
    space = Cell(blocks=3, **settings)
    for seed in range(10):
        architecture = space.sample(Random(seed))
        assert space.compose(space.describe(architecture)) == architecture


def test_the_supernet_mixes_all_operations_on_all_edges():
    mixture = Cell(blocks=2, filters=4).supernet(problem(3, 16, 16)).mixture
    assert [edge.name for edge in mixture.edges[:5]] == ["normal/0->2", "normal/1->2", "normal/0->3", "normal/1->3", "normal/2->3"]
    assert {edge.name.partition("/")[0] for edge in mixture.edges} == {"normal", "reduction"}
    assert {edge.candidates for edge in mixture.edges} == {OPERATIONS["darts"]}
    with pytest.raises(InputError, match="use space 'chain'"):
        Cell().supernet(problem(12))
