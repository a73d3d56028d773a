from random import Random

import pytest

from archwright.architecture.layer_graph import Layer
from archwright.architecture.variation import enumerate_answers
from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownSetting
from archwright.search_space import make_space
from archwright.search_space.enas_macro import OPERATIONS, WEIGHTS, EnasMacro


def problem(*shape):
    return Problem("toy", "classification", shape, outputs=4)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_formula_counts_what_can_be_enumerated(layers):
    space = EnasMacro(layers=layers)
    assert space.count() == sum(1 for _ in enumerate_answers(space.decide)) == space.count_distinct()


def test_twelve_layers_are_as_many_as_in_the_paper():
    space = EnasMacro(layers=12)
    assert space.count() == space.published().value == 6**12 * 2**66
    assert f"{space.count():.1e}" == "1.6e+29"
    assert "1802.03268" in space.published().source


def test_the_questions_are_an_operation_and_the_skips_from_all_earlier_layers():
    questions = {question.name: question.options for question in EnasMacro(layers=3).questions()}
    assert questions == {
        "layer1/operation": OPERATIONS,
        "layer2/operation": OPERATIONS,
        "layer2/skip1": (False, True),
        "layer3/operation": OPERATIONS,
        "layer3/skip1": (False, True),
        "layer3/skip2": (False, True),
    }


def test_a_description_by_hand():
    space = EnasMacro(layers=3, reductions=1)
    answers = {"layer1/operation": "conv_5x5", "layer2/operation": "avg_pool_3x3", "layer2/skip1": False}
    answers |= {"layer3/operation": "sep_conv_3x3", "layer3/skip1": True, "layer3/skip2": True}
    graph = space.describe(space.architecture(answers))
    assert [(layer.operation, layer.skips) for layer in graph.layers] == [
        ("conv_5x5", ()),
        ("avg_pool_3x3", ()),
        ("sep_conv_3x3", (1, 2)),
    ]
    assert graph.levels == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("shape", "layers", "reductions"),
    [
        ((3, 32, 32), 12, 2),
        ((1, 28, 28), 6, 2),
        ((1, 8, 8), 6, 1),
        ((1, 6, 6), 6, 0),
        ((3, 64, 64), 12, 3),
        ((3, 64, 64), 3, 2),
        ((2, 500), 12, 4),
    ],
)
def test_the_input_decides_how_often_it_is_halved_but_each_part_has_a_layer(shape, layers, reductions):
    space = EnasMacro(layers=layers).for_problem(problem(*shape))
    assert space.reductions == reductions
    assert space.dimensions == len(shape) - 1
    assert space.describe(space.sample(Random(0))).reductions == reductions


def test_a_network_is_halved_as_its_data_ask_whatever_the_description_says():
    space, digits = EnasMacro(layers=4, filters=2), problem(1, 8, 8)
    architecture = space.sample(Random(0))
    assert space.describe(architecture).reductions == 2
    assert space.network(architecture, digits).graph.reductions == space.for_problem(digits).reductions == 1


def test_reductions_that_are_set_are_kept_or_refused():
    assert EnasMacro(layers=6, reductions=3).for_problem(problem(1, 8, 8)).reductions == 3
    with pytest.raises(InputError, match=r"4 reductions are too many for inputs of shape \(1, 8, 8\): set fewer"):
        EnasMacro(layers=6, reductions=4).for_problem(problem(1, 8, 8))
    with pytest.raises(UnknownSetting, match="'reductions': 6 is out of range: choose from 0 to 5"):
        make_space("enas_macro", {"layers": 6, "reductions": 6})


@pytest.mark.parametrize("shape", [(20,), (3, 4, 4, 4)])
def test_other_data_are_refused(shape):
    with pytest.raises(InputError, match=r"space 'enas_macro' takes series \(C, L\) or images"):
        EnasMacro().for_problem(problem(*shape))


def test_the_weights_are_those_of_the_operations():
    """The parameters that the features assume, against those of networks with so many filters that small terms are negligible."""
    space, images = EnasMacro(layers=1, filters=256), problem(1, 8, 8)
    counts = {}
    for operation in OPERATIONS:
        network = space.network(space.architecture({"layer1/operation": operation}), images)
        counts[operation] = parameter_count(network.layers[0].operation) / 256**2
    assert counts == pytest.approx(WEIGHTS, rel=0.08)


def test_it_grows_layer_by_layer_from_networks_that_only_pool():
    space = EnasMacro(layers=3)
    order = space.growth_order()
    assert (order.space, order.levels) == (space, 3)
    first = list(order.extensions(1, None, 50, Random(0)))
    assert [space.describe(a).layers[0].operation for a in first] == list(OPERATIONS)
    assert {space.describe(a).layers[1:] for a in first} == {(Layer("avg_pool_3x3", ()),) * 2}
    second = list(order.extensions(2, first[1], 50, Random(0)))
    assert len(second) == 6 * 2
    assert {space.describe(a).layers[0] for a in second} == {space.describe(first[1]).layers[0]}
    assert len(list(order.extensions(3, second[0], 50, Random(0)))) == 6 * 4
