import torch

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.densenet import DenseLayer, densenet

CIFAR = Problem("cifar", "classification", (3, 32, 32), 10)


def test_weights_as_published():
    """Table 2: 0.8 million for L=100, k=12."""
    assert parameter_count(densenet(CIFAR)) == 769_162


def test_a_hundred_layers():
    network = densenet(CIFAR)
    assert sum(isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)) for module in network.modules()) == 100


def test_a_layer_keeps_its_input():
    layer, x = DenseLayer(1, 5).eval(), torch.randn(2, 5, 9)
    y = layer(x)
    assert y.shape == (2, 17, 9)
    assert torch.equal(y[:, :5], x)
