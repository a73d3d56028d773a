import torch
from torch import nn

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.highway import FlatHighway, Highway, highway


def test_the_gate_mixes_transform_and_input_as_in_equation_3():
    layer, x = Highway(nn.Tanh(), nn.Linear(4, 4)), torch.randn(3, 4)
    gate = torch.sigmoid(x @ layer.gate.weight.T - 2.0)
    assert torch.allclose(layer(x), x.tanh() * gate + x * (1 - gate), atol=1e-6)


def test_a_new_network_passes_most_of_its_input_through():
    torch.manual_seed(0)
    layer, x = Highway(nn.Sequential(nn.Linear(64, 64), nn.ReLU()), nn.Linear(64, 64)), torch.randn(100, 64)
    assert torch.corrcoef(torch.stack([layer(x).flatten(), x.flatten()]))[0, 1] > 0.9


def test_weights_for_flat_features_counted_by_hand():
    network = highway(Problem("table", "classification", (13,), 2))
    assert isinstance(network, FlatHighway)
    assert parameter_count(network) == 13 * 64 + 64 + 10 * 2 * (64 * 64 + 64) + 64 * 2 + 2
