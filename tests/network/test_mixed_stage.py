from dataclasses import replace

import pytest
import torch
from torch import nn

from archwright.network.chain_description import ChainStage, ChainStageOptions
from archwright.network.edge_gates import OpenGates
from archwright.network.mixed_stage import MixedStage, WidthGates

FREE = OpenGates((0,), None)
OPERATIONS = (("conv", 3, None), ("separable", 5, None), ("bottleneck", None, None), ("mbconv", 3, 2))


def options(connectivity, *, widths=(6,), depths=(1, 2, 3), operations=OPERATIONS, pooling=None):
    stage = ChainStage(1, 1, "conv", connectivity, pooling=pooling)
    return ChainStageOptions.of(
        [
            replace(stage, depth=depth, width=width, operation=operation, kernel=kernel, expansion=expansion)
            for depth in depths
            for width in widths
            for operation, kernel, expansion in operations
        ]
    )


def made(stage_options, *, before=None, activation="gelu"):
    torch.manual_seed(0)
    return MixedStage(2, before, stage_options, activation).double().eval()


def opened(*values):
    return OpenGates.of(torch.tensor(values, dtype=torch.float64, requires_grad=True), values, "e")


def images(channels, batch=3):
    return torch.randn(batch, channels, 5, 4, dtype=torch.float64)


@pytest.mark.parametrize("connectivity", ["plain", "residual"])
def test_operations_and_depths_are_summed_by_their_gates(connectivity):
    """The formula in the module's docstring, with its own plain blocks."""
    stage, x = made(options(connectivity)), images(6)
    operation, depth = (0.1, 0.4, 0.2, 0.3), (0.5, 0.2, 0.3)
    state, expected = x, 0.0
    for number in range(3):
        blocks = [stage.blocks[4 * number + o].block for o in range(4)]
        state = sum(gate * block(state) for gate, block in zip(operation, blocks, strict=True))
        expected = expected + depth[number] * state
    torch.testing.assert_close(stage(x, opened(*operation), WidthGates(FREE), opened(*depth)), expected)


def test_in_a_dense_stage_each_depth_ends_in_its_own_compression():
    stage, x = made(options("dense")), images(6)
    operation, depth = (0.1, 0.4, 0.2, 0.3), (0.5, 0.2, 0.3)
    state, expected = x, 0.0
    for number in range(3):
        blocks = [stage.blocks[4 * number + o].block for o in range(4)]
        made_here = sum(gate * block(state) for gate, block in zip(operation, blocks, strict=True))
        state = torch.cat([state, made_here], dim=1)
        expected = expected + depth[number] * stage.compressions[number](state)
    torch.testing.assert_close(stage(x, opened(*operation), WidthGates(FREE), opened(*depth)), expected)
    assert state.shape[1] == 6 + 3 * 3


@pytest.mark.parametrize("connectivity", ["plain", "residual", "dense"])
@pytest.mark.parametrize(
    ("operation", "depth", "blocks"),
    [
        ((0.1, 0.4, 0.2, 0.3), (0.5, 0.2, 0.3), 12),
        ((0.0, 1.0, 0.0, 0.0), (0.0, 1.0, 0.0), 2),
        ((0.5, 0.0, 0.5, 0.0), (1.0, 0.0, 0.0), 2),
    ],
)
def test_blocks_beyond_the_deepest_open_depth_and_of_closed_operations_are_not_computed(connectivity, operation, depth, blocks):
    stage, seen = made(options(connectivity)), []
    for module in [*stage.blocks, *stage.compressions]:
        module.register_forward_hook(lambda module, *_: seen.append(module))
    stage(images(6), opened(*operation), WidthGates(FREE), opened(*depth))
    assert sum(module in list(stage.blocks) for module in seen) == blocks


@pytest.mark.parametrize("connectivity", ["plain", "residual", "dense"])
def test_only_the_channels_of_the_widest_open_width_are_computed(connectivity):
    stage = made(options(connectivity, widths=(4, 6, 9)), before=8)
    for gates, channels in (((0.5, 0.5, 0.0), 6), ((1.0, 0.0, 0.0), 4), ((0.3, 0.0, 0.7), 9)):
        y = stage(images(7), opened(0.25, 0.25, 0.25, 0.25), WidthGates(opened(*gates)), opened(0.5, 0.25, 0.25))
        assert y.shape == (3, channels, 5, 4)


@pytest.mark.parametrize("connectivity", ["plain", "residual", "dense"])
def test_channels_of_only_a_closed_width_are_zero_if_they_are_computed(connectivity):
    """The widest gate is tiny but nonzero, so that its channels are computed: the output is nearly that of the narrow width."""
    stage, x = made(options(connectivity, widths=(4, 9), operations=OPERATIONS[:2]), before=8), images(7)
    operation, depth = opened(0.5, 0.5), opened(0.0, 1.0, 0.0)
    narrow = stage(x, operation, WidthGates(opened(1.0, 0.0)), depth)
    nearly = stage(x, operation, WidthGates(opened(1.0 - 1e-9, 1e-9)), depth)
    torch.testing.assert_close(nearly[:, :4], narrow, rtol=1e-6, atol=1e-6)
    assert nearly[:, 4:].abs().max() < 1e-6


@pytest.mark.parametrize("pooling", ["stride", "max", "average"])
def test_the_transition_halves_and_the_first_stage_has_none(pooling):
    stage = made(options("plain", pooling=pooling), before=8)
    gates = opened(0.25, 0.25, 0.25, 0.25), WidthGates(FREE), opened(0.5, 0.25, 0.25)
    assert stage(images(8), *gates).shape == (3, 6, 3, 2)
    assert made(options("plain")).transition is None


def test_no_normalisation_has_a_scale():
    stage = made(options("dense", widths=(4, 6)), before=8)
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.weight is None for norm in norms)
