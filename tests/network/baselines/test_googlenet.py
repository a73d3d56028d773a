import pytest
import torch
from torch import nn

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.googlenet import INCEPTIONS, Inception, googlenet

IMAGENET = Problem("imagenet", "classification", (3, 224, 224), 1000)
PUBLISHED = {"3a": 159, "3b": 380, "4a": 364, "4b": 437, "4c": 463, "4d": 580, "4e": 840, "5a": 1072, "5b": 1388}
"""Table 1, column "params", in units of 1024."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_of_each_inception_as_published(name):
    inception = googlenet(IMAGENET).inceptions[name]
    weights = sum(parameter_count(module) for module in inception.modules() if isinstance(module, nn.Conv2d))
    if name == "4a":
        pytest.xfail("the paper's 364K is not the sum of the widths in its own row (367K)") if weights // 1024 != 364 else None
    assert weights // 1024 == PUBLISHED[name]


def test_the_map_sizes_of_the_paper():
    network, x = googlenet(IMAGENET).to("meta"), torch.empty(2, 3, 224, 224, device="meta")
    x, sizes = network.stem(x), {}
    for name, inception in network.inceptions.items():
        x = inception(x)
        sizes[name] = tuple(x.shape[1:])
    assert sizes["3b"] == (480, 28, 28)
    assert sizes["4e"] == (832, 14, 14)
    assert sizes["5b"] == (1024, 7, 7)


def test_branches_side_by_side():
    assert Inception(1, 10, INCEPTIONS["3a"]).eval()(torch.randn(2, 10, 6)).shape == (2, 256, 6)
