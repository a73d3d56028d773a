import pytest
import torch
from torch import nn

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.vgg import vgg


def test_the_convolutions_hold_the_published_weights():
    """VGG-16 has 138,357,544 weights (paper: 138 million), of which the three linear layers hold 123,642,856."""
    with torch.device("meta"):
        network = vgg(Problem("imagenet", "classification", (3, 224, 224), 1000))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    biases = sum(convolution.out_channels for convolution in convolutions)  # ours have none: a batch norm follows
    assert len(convolutions) == 13
    assert sum(map(parameter_count, convolutions)) + biases == 138_357_544 - 123_642_856


@pytest.mark.parametrize(("size", "last"), [(224, 7), (32, 4), (28, 4), (8, 4), (3, 3)])
def test_as_many_poolings_as_the_input_allows(size, last):
    with torch.device("meta"):
        network = vgg(Problem("x", "classification", (1, size, size), 2))
    assert network.stages(torch.empty(2, 1, size, size, device="meta")).shape == (2, 512, last, last)
