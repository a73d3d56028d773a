from random import Random

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer
from archwright.search_space.chain import Chain

IMAGES = Problem("images", "classification", (2, 9, 8), 3)
FLAT = Problem("table", "classification", (6,), 3)
FIXED = {"pooling": "stride", "connectivity": "residual", "activation": "relu"}
SPACE = Chain(width=8, most_blocks=2, **FIXED).for_problem(IMAGES)


def candidates(supernet):
    return {edge.name: edge.candidates for edge in supernet.mixture.edges}


def choice_of(supernet, architecture):
    gates = supernet.gates_of(architecture)
    return {edge.name: edge.candidates[int(row.argmax())] for edge, row in zip(supernet.mixture.edges, gates, strict=True)}


def test_each_stage_mixes_its_operation_its_width_and_its_depth():
    supernet = SPACE.supernet(IMAGES)
    operations = (
        "conv 3",
        "conv 5",
        "separable 3",
        "separable 5",
        "bottleneck",
        *(f"mbconv {k} x{e}" for k in (3, 5) for e in (2, 4)),
    )
    assert candidates(supernet) == {
        "stage0/operation": operations,
        "stage0/width": ("6", "8", "12"),
        "stage0/depth": ("1", "2"),
        "stage1/operation": operations,
        "stage1/width": ("12", "16", "24"),
        "stage1/depth": ("1", "2"),
    }
    assert {edge.target for edge in supernet.mixture.edges} == set(candidates(supernet)), "each for itself"
    assert {supernet.mixture.keeps(target) for target in supernet.mixture.targets} == {1}


def test_fixed_settings_have_no_edges_and_no_gates():
    space = Chain(width=8, most_blocks=1, operation="mbconv", kernel=5, **FIXED).for_problem(IMAGES)
    assert candidates(space.supernet(IMAGES)) == {
        "stage0/operation": ("mbconv 5 x2", "mbconv 5 x4"),
        "stage0/width": ("6", "8", "12"),
        "stage1/operation": ("mbconv 5 x2", "mbconv 5 x4"),
        "stage1/width": ("12", "16", "24"),
    }
    flat = Chain(width=8, most_blocks=2, connectivity="dense", activation="silu").for_problem(FLAT)
    assert set(candidates(flat.supernet(FLAT))) == {"stage0/width", "stage0/depth", "stage1/width", "stage1/depth"}


def test_an_architectures_gates_match_its_answers():
    answers = {"activation": "relu", "stage0/depth": 2, "stage0/width": 6, "stage0/connectivity": "residual"}
    answers |= {"stage0/operation": "mbconv", "stage0/kernel": 5, "stage0/expansion": 2}
    answers |= {"stage1/depth": 1, "stage1/width": 24, "stage1/connectivity": "residual"}
    answers |= {"stage1/operation": "bottleneck", "stage1/pooling": "stride"}
    supernet, architecture = SPACE.supernet(IMAGES), SPACE.architecture(answers)
    choice = {"stage0/operation": "mbconv 5 x2", "stage0/width": "6", "stage0/depth": "2"}
    choice |= {"stage1/operation": "bottleneck", "stage1/width": "24", "stage1/depth": "1"}
    assert choice_of(supernet, architecture) == choice
    assert supernet.architecture_of(choice) == architecture


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stage0/width": "7"}, "'7' for 'stage0/width' is not among 6, 8, 12"),
        ({"stage0/width": None}, "None for 'stage0/width' is not among 6, 8, 12"),
        ({"stage2/width": "24"}, "'24' for 'stage2/width' is not among them"),
    ],
)
def test_a_choice_that_is_not_an_architecture_is_an_error(change, told):
    supernet = SPACE.supernet(IMAGES)
    choice = {**choice_of(supernet, SPACE.sample(Random(0))), **change}
    with pytest.raises(InputError, match=told):
        supernet.architecture_of({name: text for name, text in choice.items() if text is not None})


def test_an_architecture_of_other_settings_is_an_error():
    other = Chain(width=8, most_blocks=2, **{**FIXED, "pooling": "max"}).for_problem(IMAGES)
    supernet = SPACE.supernet(IMAGES)
    for ask in (supernet.gates_of, supernet.extract):
        with pytest.raises(UnknownAnswer, match="stage1/pooling"):
            ask(other.sample(Random(0)))


def test_an_edge_with_only_zero_gates_is_an_error():
    supernet = SPACE.supernet(IMAGES)
    gates = supernet.gates_of(SPACE.sample(Random(0)))
    gates[1] = 0.0
    with pytest.raises(InputError, match="all gates of 'stage0/width' are zero"):
        supernet(torch.randn(2, *IMAGES.input_shape), gates)


def test_straight_through_gates_give_the_same_output_as_fixed_ones():
    """One-hot gates with a gradient, as from a hard Gumbel-softmax."""
    torch.manual_seed(0)
    supernet, x = SPACE.supernet(IMAGES), torch.randn(4, *IMAGES.input_shape)
    for seed in range(5):
        gates = supernet.gates_of(SPACE.sample(Random(seed)))
        learned = gates.clone().requires_grad_()
        torch.testing.assert_close(supernet(x, learned), supernet(x, gates))
        torch.autograd.grad(supernet(x, learned).square().sum(), learned)


def test_shared_weights_are_the_first_channels():
    torch.manual_seed(0)
    supernet = SPACE.supernet(IMAGES)
    wide, narrow = (
        supernet.extract(supernet.architecture_of({**choice_of(supernet, SPACE.sample(Random(0))), "stage0/width": width}))
        for width in ("12", "6")
    )
    assert torch.equal(wide.stem[0][0].weight[:6], narrow.stem[0][0].weight)
    assert narrow.stem[0][0].out_channels == 6


@pytest.mark.parametrize("shape", [(1, 130, 140), (1, 1024)], ids=["image", "series"])
def test_a_stem_that_reduces_by_more_than_two(shape):
    problem = Problem("large", "regression", shape, 2)
    space = Chain(width=4, most_blocks=1, stages=2, operation="separable", **FIXED).for_problem(problem)
    assert space.stem_stride >= 4
    torch.manual_seed(0)
    supernet, x = space.supernet(problem), torch.randn(2, *shape)
    for seed in range(2):
        architecture = space.sample(Random(seed))
        torch.testing.assert_close(supernet.extract(architecture)(x), supernet(x, supernet.gates_of(architecture)))


def test_it_runs_in_bfloat16():
    torch.manual_seed(0)
    supernet, x = SPACE.supernet(IMAGES), torch.randn(8, *IMAGES.input_shape)
    gates = torch.rand(supernet.mixture.shape, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        low = supernet(x, gates)
    assert low.dtype == torch.bfloat16
    low.float().square().sum().backward()
    assert gates.grad[supernet.mixture.mask].isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in supernet.parameters())
