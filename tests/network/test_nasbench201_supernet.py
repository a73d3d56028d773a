from random import Random

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer
from archwright.network.supernet import Supernet
from archwright.search_space.nasbench201 import NASBench201

SPACE = NASBench201(repeats=1, filters=4)
IMAGES = Problem("images", "classification", input_shape=(2, 8, 7), outputs=3)
SERIES = Problem("series", "classification", input_shape=(2, 13), outputs=3)


@pytest.mark.parametrize("problem", [IMAGES, SERIES], ids=["2-D", "1-D"])
def test_an_extracted_network_has_the_supernets_output(problem):
    torch.manual_seed(0)
    supernet = SPACE.supernet(problem)
    for _ in range(2):
        supernet(torch.randn(6, *problem.input_shape), torch.rand(supernet.mixture.shape))
    for seed in range(6):
        architecture = SPACE.sample(Random(seed))
        gates = supernet.gates_of(architecture)
        x = torch.randn(5, *problem.input_shape)
        for module in (supernet.eval(), supernet.train()):
            torch.testing.assert_close(module.extract(architecture)(x), module(x, gates), rtol=1e-4, atol=1e-5)


def test_the_extracted_network_is_exactly_the_plain_one():
    architecture = SPACE.sample(Random(3))
    plain, extracted = SPACE.network(architecture, IMAGES), SPACE.supernet(IMAGES).extract(architecture)
    shapes = [[(name, tensor.shape) for name, tensor in module.state_dict().items()] for module in (plain, extracted)]
    assert shapes[0] == shapes[1]


def test_gates_and_architectures_are_equivalent():
    supernet = SPACE.supernet(IMAGES)
    assert isinstance(supernet, Supernet)
    assert supernet.mixture.shape == (6, 5)
    for seed in range(5):
        architecture = SPACE.sample(Random(seed))
        gates = supernet.gates_of(architecture)
        choice = {edge.name: edge.candidates[int(row.argmax())] for edge, row in zip(supernet.mixture.edges, gates, strict=True)}
        assert choice == dict(architecture.answers)
        assert supernet.architecture_of(choice) == architecture
    with pytest.raises(UnknownAnswer):
        supernet.architecture_of({"0->1": "none"})


def test_partial_channels():
    supernet = SPACE.supernet(IMAGES, partial_channels=2)
    assert supernet(torch.randn(2, 2, 8, 7), torch.rand(6, 5)).shape == (2, 3)
    with pytest.raises(InputError, match="do not fit a plain network"):
        supernet.extract(SPACE.sample(Random(0)))
