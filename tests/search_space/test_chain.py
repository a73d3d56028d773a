import dataclasses
import statistics
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.variation import collect_questions, enumerate_answers
from archwright.cost.macs import multiply_accumulates
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownSetting
from archwright.ops.drop_path import DropPath
from archwright.search_space import make_space
from archwright.search_space.chain import Chain

IMAGES = Problem("images", "classification", (1, 28, 28), 10)
DIGITS = Problem("digits", "classification", (1, 8, 8), 10)
SERIES = Problem("series", "regression", (2, 50), 3)
FLAT = Problem("table", "classification", (13,), 4)


@pytest.mark.parametrize(
    "space",
    [
        Chain(dimensions=2, stages=1),
        Chain(dimensions=2, stages=2, most_blocks=1, connectivity="plain", activation="relu"),
        Chain(dimensions=1, stages=2, most_blocks=2, connectivity="dense", activation="relu", kernel=3, operation="mbconv"),
        Chain(dimensions=2, stages=2, most_blocks=1, operation="bottleneck", pooling="max"),
        Chain(dimensions=0, stages=2),
        Chain(dimensions=0, stages=3, most_blocks=2, connectivity="residual"),
    ],
    ids=str,
)
def test_the_formula_counts_what_can_be_enumerated(space):
    assert space.count() == sum(1 for _ in enumerate_answers(space.decide))


def test_the_default_space_for_28_x_28_by_hand():
    operations = 2 + 2 + 1 + 2 * 2  # convolution and separable: two kernels; bottleneck: none asked; MBConv: two more expansions
    first = 3 * 3 * 3 * operations  # depth, width, connectivity
    assert Chain().for_problem(IMAGES).count() == 3 * first * (3 * first) ** 2 == 387_420_489


@pytest.mark.parametrize("space", [Chain(), Chain(dimensions=0), Chain(operation="conv"), Chain(operation="bottleneck")], ids=str)
def test_the_questions_are_all_that_can_be_asked(space):
    assert set(space.questions()) == set(collect_questions(space.decide, samples=50))


def test_kernel_and_expansion_are_asked_only_of_operations_that_have_them():
    space, seen = Chain(stages=1), set()
    for seed in range(60):
        answers = space.sample(Random(seed)).answers
        operation = answers["stage0/operation"]
        assert ("stage0/kernel" in answers) == (operation != "bottleneck")
        assert ("stage0/expansion" in answers) == (operation == "mbconv")
        assert "stage0/pooling" not in answers, "the first stage keeps the resolution"
        seen.add(operation)
    assert seen == {"conv", "separable", "bottleneck", "mbconv"}


@pytest.mark.parametrize(
    ("shape", "stages", "stem_stride"),
    [
        ((1, 28, 28), 3, 1),  # 28, 14, 7
        ((1, 8, 8), 2, 1),  # 8, 4
        ((3, 32, 32), 3, 1),
        ((3, 64, 64), 3, 2),
        ((3, 224, 224), 3, 4),
        ((3, 7, 7), 2, 1),  # 7, 4
        ((3, 6, 100), 1, 1),  # the shorter side cannot be halved
        ((3, 3, 3), 1, 1),
        ((2, 1000), 3, 4),
        ((2, 20), 3, 1),
        ((2, 1), 1, 1),
    ],
)
def test_the_data_decide_stages_and_stem(shape, stages, stem_stride):
    space = Chain().for_problem(Problem("x", "classification", shape, 2))
    assert (space.dimensions, space.stages, space.stem_stride) == (len(shape) - 1, stages, stem_stride)


def test_a_width_that_is_given_stays():
    assert Chain(width=24).for_problem(DIGITS).width == 24
    assert Chain(width=24).for_problem(DIGITS).questions()[2].options == (18, 24, 36)


@pytest.mark.parametrize(
    ("space", "problem", "told"),
    [
        (Chain(stages=3), DIGITS, "stages=2 or fewer"),
        (Chain(dimensions=2), SERIES, "dimensions=2 does not fit"),
        (Chain(), Problem("volumes", "classification", (1, 8, 8, 8), 2), "give flat features"),
    ],
)
def test_what_does_not_fit_is_an_error_and_not_clamped(space, problem, told):
    with pytest.raises(InputError, match=told):
        space.for_problem(problem)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("pooling", "median", "stride, max, average"),
        ("kernel", "4", "any, 3, 5"),
        ("stages", "0", "too small"),
        ("stem_stride", "3", "power of two"),
        ("poolings", "max", "did you mean 'pooling'"),
    ],
)
def test_a_setting_that_is_not_known(key, value, told):
    with pytest.raises(UnknownSetting, match=told):
        make_space("chain", {key: value})


def test_a_setting_fixes_a_choice_everywhere():
    space = make_space("chain", {"pooling": "max", "connectivity": "residual", "kernel": "5", "activation": "gelu"})
    for seed in range(20):
        description = space.describe(space.sample(Random(seed)))
        assert description.activation == "gelu"
        assert {stage.connectivity for stage in description.stages} == {"residual"}
        assert {stage.pooling for stage in description.stages[1:]} == {"max"}
        assert {stage.kernel for stage in description.stages} <= {5, None}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), problem=st.sampled_from([IMAGES, DIGITS, SERIES, FLAT]))
def test_every_network_maps_a_batch_to_outputs_and_learns_with_all_its_weights(seed, problem):
    space = Chain().for_problem(problem)
    network = space.network(space.sample(Random(seed)), problem)
    output = network(torch.randn(3, *problem.input_shape))
    assert output.shape == (3, problem.outputs)
    output.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), problem=st.sampled_from([IMAGES, DIGITS, SERIES]))
def test_each_stage_halves_by_rounding_up_and_has_the_width_it_was_given(seed, problem):
    space = Chain().for_problem(problem)
    architecture = space.sample(Random(seed))
    network, x = space.network(architecture, problem).eval(), torch.randn(1, *problem.input_shape)
    sizes, x = list(problem.input_shape[1:]), network.stem(x)
    for i, (stage, module) in enumerate(zip(space.describe(architecture).stages, network.stages, strict=True)):
        x = module(x)
        sizes = [-(-size // 2) for size in sizes] if i > 0 else sizes
        assert list(x.shape) == [1, stage.width, *sizes]
    assert network.auxiliary_point in list(network.stages)


def test_the_stem_reduces_large_images_by_its_stride():
    problem = Problem("photos", "classification", (3, 130, 256), 2)
    space = Chain().for_problem(problem)
    assert space.stem_stride == 8
    network = space.network(space.sample(Random(0)), problem)
    assert network.stem(torch.randn(2, 3, 130, 256)).shape[2:] == (17, 32)


def test_every_residual_branch_can_be_dropped_and_nothing_else():
    space = Chain().for_problem(DIGITS)
    for seed in range(20):
        architecture = space.sample(Random(seed))
        expected = sum(stage.depth for stage in space.describe(architecture).stages if stage.connectivity == "residual")
        found = sum(isinstance(module, DropPath) for module in space.network(architecture, DIGITS).modules())
        assert found == expected


def test_dense_stages_have_bounded_channels():
    space = Chain(connectivity="dense", operation="conv", kernel=3, most_blocks=6).for_problem(DIGITS)
    answers = {question.name: question.options[-1] for question in space.questions()}
    network, widest = space.network(space.architecture(answers), DIGITS), []
    for module in network.modules():
        module.register_forward_pre_hook(lambda _, inputs: widest.append(inputs[0].shape[1]))
    network(torch.randn(2, *DIGITS.input_shape))
    assert max(widest) == 4 * 48, "six blocks that add half of 48 channels each"


def test_the_same_seed_gives_the_same_weights():
    space = Chain().for_problem(DIGITS)
    architecture = space.sample(Random(3))
    assert fingerprint(space, architecture, DIGITS) == fingerprint(space, architecture, DIGITS)


@pytest.mark.parametrize(
    ("space", "problem"),
    [
        (Chain(stages=1, most_blocks=2, width=4, activation="silu"), DIGITS),
        (
            Chain(
                stages=2,
                most_blocks=1,
                width=4,
                activation="silu",
                connectivity="residual",
                kernel=3,
                expansion=2,
                operation="separable",
            ),
            DIGITS,
        ),
        (Chain(stages=3, most_blocks=2, width=8, activation="silu"), FLAT),
    ],
    ids=["connections", "poolings", "flat"],
)
def test_the_canonical_text_is_the_same_exactly_for_equal_networks(space, problem):
    """The oracle: with equal random numbers, equal networks give equal outputs and different ones do not."""
    space, rng = space.for_problem(problem), Random(0)
    architectures = list(space.enumerate())
    sampled = rng.sample(architectures, min(len(architectures), 400))
    by_text, by_output = {}, {}
    for architecture in sampled:
        output = fingerprint(space, architecture, problem)
        assert by_text.setdefault(space.canonical(architecture), output) == output
        assert by_output.setdefault(output, space.canonical(architecture)) == space.canonical(architecture)
    assert (len(by_text) < len(sampled)) == (problem is FLAT)


def fingerprint(space, architecture, problem):
    torch.manual_seed(0)
    network = space.network(architecture, problem).eval()
    x = torch.linspace(-1, 1, 2 * torch.Size(problem.input_shape).numel()).reshape(2, *problem.input_shape)
    with torch.no_grad():
        return tuple(network(x).flatten().tolist())


def test_most_networks_for_28_x_28_cost_a_few_million_macs():
    space = Chain().for_problem(IMAGES)
    macs = [multiply_accumulates(space.network(space.sample(Random(i)), IMAGES), (1, 28, 28)) for i in range(25)]
    fifths = statistics.quantiles(macs, n=5)
    assert 3e6 < fifths[0] < fifths[-1] < 35e6


def test_it_holds_the_plain_residual_network_of_20_million_macs():
    space = Chain(operation="conv", connectivity="residual", kernel=3, pooling="stride", activation="relu").for_problem(IMAGES)
    answers = {question.name: question.options[0] for question in space.questions()}
    answers |= {f"stage{i}/{what}": value for i in range(3) for what, value in (("depth", 2), ("width", 16 * 2**i))}
    network = space.network(space.architecture(answers), IMAGES)
    per_stage = 4 * 9 * 16 * 16 * 28 * 28  # two pairs of 3x3 convolutions; half the sides and twice the width cost the same
    transitions = 9 * 16 * 32 * 14 * 14 + 9 * 32 * 64 * 7 * 7
    assert multiply_accumulates(network, (1, 28, 28)) == 9 * 16 * 28 * 28 + 3 * per_stage + transitions + 640


def test_fitting_settings_to_the_data_twice_changes_nothing():
    space = Chain().for_problem(DIGITS)
    assert space.for_problem(DIGITS) == space
    assert dataclasses.asdict(space).keys() == dataclasses.asdict(Chain()).keys()


@pytest.mark.parametrize(
    ("settings", "problem", "told"),
    [
        (
            {},
            DIGITS,
            "fix pooling, connectivity, activation, for example by --set space.pooling=stride --set space.connectivity=resi",
        ),
        ({"pooling": "max", "activation": "silu"}, DIGITS, "fix connectivity, for example by --set space.connectivity=residual$"),
        ({"activation": "silu", "connectivity": "dense"}, SERIES, "fix pooling, for example by --set space.pooling=stride$"),
        ({}, FLAT, "fix connectivity, activation, "),
        ({"stages": 1, "connectivity": "plain"}, DIGITS, "fix activation, "),
    ],
)
def test_what_a_supernet_cannot_mix_must_be_fixed(settings, problem, told):
    with pytest.raises(InputError, match=told):
        Chain(**settings).supernet(problem)


@pytest.mark.parametrize("option", [{"partial_channels": 4}, {"auxiliary_skip": True}])
def test_options_that_only_cells_have_are_refused(option):
    space = Chain(pooling="max", connectivity="plain", activation="relu")
    with pytest.raises(InputError, match="neither partial channels nor auxiliary skips"):
        space.supernet(DIGITS, **option)


@pytest.mark.parametrize("problem", [IMAGES, SERIES, FLAT], ids=["image", "series", "flat"])
def test_composing_is_the_inverse_of_describing(problem):
    space = Chain().for_problem(problem)
    for seed in range(10):
        architecture = space.sample(Random(seed))
        assert space.compose(space.describe(architecture)) == architecture
