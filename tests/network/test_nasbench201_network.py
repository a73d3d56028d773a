import pytest
import torch

from archwright.cost.macs import multiply_accumulates
from archwright.network.nasbench201_network import NASBench201Network, ResidualReduction
from archwright.search_space.nasbench201 import NASBench201

SPACE = NASBench201()
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def test_weights_and_macs_as_in_the_benchmark():
    """The benchmark's files state for architecture 0 on CIFAR-10: 0.129306 million parameters, 15.64737 million MACs."""
    with torch.device("meta"):
        graph = SPACE.describe(SPACE.from_string(FIRST))
        network = NASBench201Network((3, 32, 32), 10, graph, repeats=5, filters=16)
    assert sum(p.numel() for p in network.parameters()) == 129_306
    assert multiply_accumulates(network, (3, 32, 32)) == 15_647_370 - 10  # the benchmark counts the last layer's 10 biases too


@pytest.mark.parametrize("shape", [(1, 9, 6), (2, 13), (3, 8, 8)])
def test_three_stages_halve_twice_and_round_up(shape):
    graph = SPACE.describe(SPACE.from_string("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|"))
    network = NASBench201Network(shape, 4, graph, repeats=1, filters=4)
    seen = []
    for stage in network.stages:
        stage.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))
    assert network(torch.randn(2, *shape)).shape == (2, 4)
    assert seen == [(4 * 2**i, *(-(-side // 2**i) for side in shape[1:])) for i in range(3)]


def test_a_cell_without_connections_returns_zeros_and_still_trains():
    graph = SPACE.describe(SPACE.from_string("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"))
    network = NASBench201Network((1, 8, 8), 3, graph, repeats=1, filters=4)
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    assert network.classifier.weight.grad is not None


def test_a_residual_reduction_adds_its_pooled_input():
    block = ResidualReduction(1, 2, 2)
    torch.nn.init.zeros_(block.body[1][2].weight)
    torch.nn.init.dirac_(block.shortcut[1].weight)
    x = torch.tensor([[[1.0, 3.0, 5.0], [2.0, 2.0, 4.0]]]).repeat(2, 1, 1)
    assert block(x)[0].tolist() == [[2, 5], [2, 4]]
