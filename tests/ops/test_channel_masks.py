import copy

import pytest
import torch
from torch import nn

from archwright.ops.channel_masks import channel_mask, channels_of, first_channels, load_first_channels, without_scale
from archwright.ops.convolution import ConvBatchNorm, conv


def masked_layer(*leaves):
    """Leaf modules in sequence, with normalisations without scale and with updated statistics."""
    layer = nn.Sequential(*leaves)
    without_scale(layer)
    for name, buffer in layer.named_buffers():
        if "running" in name:
            nn.init.uniform_(buffer, 0.5, 2.0)
    return layer.eval()


def pair(inputs=4, outputs=6):
    """A depthwise convolution, then 1x1, normalised and activated."""
    torch.manual_seed(0)
    return masked_layer(conv(2, inputs, inputs, 3, groups=inputs), ConvBatchNorm(2, inputs, outputs, 1))


def single(inputs=4, outputs=6):
    torch.manual_seed(0)
    return masked_layer(*ConvBatchNorm(2, inputs, outputs, 3))


def flat(inputs=4, outputs=6):
    torch.manual_seed(0)
    return masked_layer(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())


LAYERS = [(single, (3, 4, 5, 5)), (pair, (3, 4, 5, 5)), (flat, (3, 4))]
each_layer = pytest.mark.parametrize(("make", "shape"), LAYERS, ids=["convolution", "after a depthwise one", "linear"])


@pytest.mark.parametrize("counts", [(2, 3, 5), (1, 1, 4), (3,), (2, 2)])
def test_the_mask_of_a_channel_is_the_sum_of_the_gates_of_the_widths_that_include_it(counts):
    gates = torch.rand(len(counts), dtype=torch.float64)
    expected = [
        sum(float(gate) for gate, count in zip(gates, counts, strict=True) if channel < count) for channel in range(counts[-1])
    ]
    torch.testing.assert_close(channel_mask(gates, counts), torch.tensor(expected, dtype=torch.float64))


def test_the_gradient_of_the_mask():
    gates = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda g: channel_mask(g, (2, 3, 5)), gates)


@each_layer
def test_the_first_channels_equal_those_of_the_whole_layer_on_zero_padded_inputs(make, shape):
    """Every layer starts with a sum over its inputs, so zeros in the last ones are equivalent to fewer inputs."""
    layer, x = make(), torch.randn(shape)
    x[:, 3:] = 0.0
    torch.testing.assert_close(first_channels(layer, x[:, :3], 5), layer(x)[:, :5])
    torch.testing.assert_close(first_channels(layer, x, 6), layer(x))


@each_layer
def test_any_input_channels_can_be_read(make, shape):
    layer, x = make(), torch.randn(shape)
    reads = torch.tensor([0, 1, 3])
    there = torch.zeros_like(x)
    there[:, reads] = x[:, :3]
    torch.testing.assert_close(first_channels(layer, x[:, :3], 4, reads=reads), layer(there)[:, :4])


@each_layer
@pytest.mark.parametrize("training", [False, True])
def test_one_masked_layer_is_the_gated_sum_of_narrow_ones(make, shape, training):
    """FBNetV2's identity; each narrow layer is a plain module."""
    layer, x, counts, gates = make(), torch.randn(shape), (2, 3, 6), torch.tensor([0.5, 0.2, 0.3])
    expected = torch.zeros_like(layer(x))
    for count, gate in zip(counts, gates, strict=True):
        narrow = plain_like(make, outputs=count)
        load_first_channels(narrow, layer)
        y = narrow.train(training)(x)
        expected[:, :count] += gate * y
    found = first_channels(layer.train(training), x, 6, mask=channel_mask(gates, counts))
    torch.testing.assert_close(found, expected)


def plain_like(make, **sizes):
    """The same leaf modules with scale and shift, at these sizes, with weights of their own."""
    narrow = make(**sizes)
    for module in list(narrow.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, name, type(child)(child.num_features))
    return narrow.eval()


@each_layer
def test_a_narrow_module_is_filled_on_any_device_and_shares_no_memory(make, shape):
    layer, reads = make(), torch.tensor([0, 3])
    with torch.device("meta"):
        narrow = plain_like(make, inputs=2, outputs=5)
    load_first_channels(narrow, layer, reads=reads)
    x = torch.randn(shape)[:, :2]
    expected = first_channels(layer, x, 5, reads=reads)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    torch.testing.assert_close(narrow.eval()(x), expected)
    assert all(parameter.requires_grad for parameter in narrow.parameters())


def test_filling_a_module_with_other_layers_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        load_first_channels(nn.Sequential(nn.Linear(2, 2)), flat())


def test_training_updates_only_the_statistics_of_the_first_channels():
    layer, whole, x = single().train(), single().train(), torch.randn(8, 4, 5, 5)
    norm, expected = layer[1], whole[1]
    start = copy.deepcopy(norm.state_dict())
    first_channels(layer, x, 2)
    whole(x)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(norm.state_dict()[name][:2], expected.state_dict()[name][:2])
        assert torch.equal(norm.state_dict()[name][2:], start[name][2:])
    assert norm.num_batches_tracked == expected.num_batches_tracked == 1


def test_without_a_momentum_the_statistics_are_the_mean_over_all_batches():
    layer, whole = single().train(), single().train()
    for norm in (layer[1], whole[1]):
        norm.reset_running_stats()
        norm.momentum = None
    for _ in range(3):
        x = torch.randn(8, 4, 5, 5)
        first_channels(layer, x, 2)
        whole(x)
    torch.testing.assert_close(layer[1].running_mean[:2], whole[1].running_mean[:2])
    torch.testing.assert_close(layer[1].running_var[:2], whole[1].running_var[:2])


def test_evaluation_does_not_change_the_statistics():
    layer = single()
    before = copy.deepcopy(layer.state_dict())
    first_channels(layer, torch.randn(8, 4, 5, 5), 2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_normalisations_lose_their_scale_and_nothing_else_changes():
    module = nn.Sequential(ConvBatchNorm(1, 2, 3), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    weights = [module[0][0].weight, module[1][0].weight]
    without_scale(module)
    assert {name for name, _ in module.named_parameters()} == {"0.0.weight", "1.0.weight", "1.0.bias"}
    assert module[0][0].weight is weights[0]
    assert module[1][0].weight is weights[1]


def test_the_channels_of_a_layer_are_those_that_it_normalises():
    assert channels_of(ConvBatchNorm(2, 3, 7)) == 7
    assert channels_of(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU())) == 5
