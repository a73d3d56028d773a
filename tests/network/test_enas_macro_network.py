import pytest
import torch
from torch import nn
from torch.nn import functional

from archwright.architecture.layer_graph import Layer, LayerGraph
from archwright.network.enas_macro_network import EnasMacroNetwork, States, layer_operation
from archwright.ops.drop_path import DropPath, set_drop_path

OPERATIONS = ("conv_3x3", "conv_5x5", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")


def graph_of(*layers, reductions=0, filters=2):
    return LayerGraph(tuple(Layer(operation, skips) for operation, skips in layers), reductions, filters)


def normalised(x, norm):
    return functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True)


def convolved(x, conv):
    return functional.conv2d(x, conv.weight, padding=conv.kernel_size[0] // 2, groups=conv.groups, stride=conv.stride)


def test_a_network_is_the_equation_written_out():
    torch.manual_seed(0)
    graph = graph_of(("conv_3x3", ()), ("sep_conv_5x5", (1,)), ("max_pool_3x3", (1, 2)), filters=4)
    network = EnasMacroNetwork((2, 7, 6), 3, graph).double()
    x = torch.randn(5, 2, 7, 6, dtype=torch.float64)
    for parameter in network.parameters():
        nn.init.normal_(parameter)

    def before(state, layer):
        (_, conv, norm), body = layer.operation
        return normalised(convolved(state.relu(), conv), norm), body

    first, second, third = network.layers
    x0 = normalised(convolved(x, network.stem[0]), network.stem[1])
    y, body = before(x0, first)
    x1 = normalised(normalised(convolved(y.relu(), body[1]), body[2]), first.norm)
    y, body = before(x1, second)
    y = normalised(convolved(convolved(y.relu(), body[1]), body[2]), body[3])
    x2 = normalised(y + x1, second.norm)
    y, _ = before(x2, third)
    y = functional.batch_norm(functional.max_pool2d(y, 3, 1, padding=1), None, None, training=True)
    x3 = normalised(y + x1 + x2, third.norm)
    logits = x3.mean(dim=(2, 3)) @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(x), logits)


def test_sizes_halve_and_filters_double_after_each_part():
    network = EnasMacroNetwork((1, 28, 27), 10, graph_of(*[("conv_3x3", ())] * 6, reductions=2, filters=4))
    shapes = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    network(torch.randn(2, 1, 28, 27))
    assert shapes == [(4, 28, 27)] * 2 + [(8, 14, 14)] * 2 + [(16, 7, 7)] * 2


def test_only_states_read_later_are_halved_and_only_once():
    graph = graph_of(*(("avg_pool_3x3", skips) for skips in [(), (), (), (2,), (1,), (1, 5)]), reductions=2)
    network = EnasMacroNetwork((1, 16, 16), 2, graph)
    assert [list(level) for level in network.reductions] == [["1", "2"], ["1", "4"]]
    calls = []
    for level, modules in enumerate(network.reductions):
        for number, module in modules.items():
            module.register_forward_hook(lambda *_, name=(level, number): calls.append(name))
    network(torch.randn(2, 1, 16, 16))
    assert sorted(calls) == [(0, "1"), (0, "2"), (1, "1"), (1, "4")]


def test_a_state_is_halved_by_its_own_reductions_one_after_the_other():
    halve = nn.AvgPool1d(2)
    states = States(torch.zeros(1, 1, 8), nn.ModuleList([nn.ModuleDict({"1": halve}), nn.ModuleDict({"1": halve})]))
    states.add(torch.arange(8.0).view(1, 1, 8), 0)
    assert states.at(1, 2).flatten().tolist() == [1.5, 5.5]
    assert states.at(1, 1) is states.at(1, 1)
    assert states.last.shape[-1] == 8


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("conv_3x3", 16 + 144),
        ("conv_5x5", 16 + 400),
        ("sep_conv_3x3", 16 + 36 + 16),
        ("sep_conv_5x5", 16 + 100 + 16),
        ("avg_pool_3x3", 16),
        ("max_pool_3x3", 16),
    ],
)
def test_the_weights_of_an_operation_by_hand(name, weights):
    convolutions = [m for m in layer_operation(name, 2, 4).modules() if isinstance(m, nn.Conv2d)]
    assert sum(layer.weight.numel() for layer in convolutions) == weights


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", [(9,), (6, 7)])
def test_operations_keep_the_shape_and_all_end_with_a_normalisation(name, shape):
    y = layer_operation(name, len(shape), 3)(3 * torch.randn(8, 3, *shape))
    assert y.shape == (8, 3, *shape)
    kept = [0, *range(2, y.dim())]
    assert torch.allclose(y.mean(dim=kept), torch.zeros(3), atol=1e-4)
    assert torch.allclose(y.var(dim=kept, correction=0), torch.ones(3), atol=1e-2)


def test_drop_path_drops_operations_only_if_a_skip_bypasses_them():
    graph = graph_of(("conv_3x3", ()), ("conv_3x3", (1,)), ("conv_3x3", ()))
    network = EnasMacroNetwork((1, 8), 2, graph)
    assert [isinstance(layer.drop_path, DropPath) for layer in network.layers] == [False, True, False]
    set_drop_path(network, 0.5)
    assert torch.isfinite(network(torch.randn(4, 1, 8))).all()


@pytest.mark.parametrize(("layers", "point"), [(12, 7), (6, 3), (2, 0), (1, 0)])
def test_the_auxiliary_head_reads_the_layer_at_two_thirds(layers, point):
    network = EnasMacroNetwork((1, 8), 2, graph_of(*[("avg_pool_3x3", ())] * layers))
    assert network.auxiliary_point is network.layers[point]
