import torch
from torch import nn

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.googlenet import INCEPTIONS, Inception, googlenet

IMAGENET = Problem("imagenet", "classification", (3, 224, 224), 1000)


def test_weights_as_published():
    """6,998,552 in the published Caffe model, which has a bias per channel where ours has a scale and a shift."""
    with torch.device("meta"):
        network = googlenet(IMAGENET)
    channels = sum(module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d))
    assert parameter_count(network) - channels == 6_998_552


def test_map_sizes_as_in_the_paper():
    with torch.device("meta"):
        network = googlenet(IMAGENET)
        x, sizes = network.stem(torch.empty(2, 3, 224, 224)), {}
    for name, inception in network.inceptions.items():
        x = inception(x)
        sizes[name] = tuple(x.shape[1:])
    assert sizes["3b"] == (480, 28, 28)
    assert sizes["4e"] == (832, 14, 14)
    assert sizes["5b"] == (1024, 7, 7)


def test_branches_are_concatenated():
    assert Inception(1, 10, INCEPTIONS["3a"]).eval()(torch.randn(2, 10, 6)).shape == (2, 256, 6)
