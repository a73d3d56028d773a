import pytest
import torch
from torch import nn

from archwright.errors import InputError
from archwright.train.auxiliary_head import AuxiliaryHead


class WithPoint(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5))
        self.last = nn.Linear(5, 2)
        self.auxiliary_point = self.first

    def forward(self, x):
        return self.last(self.first(x).mean(dim=(2, 3)))


def test_the_head_reads_the_mean_of_the_points_output():
    network = WithPoint()
    head = AuxiliaryHead(network, 3)
    head.initialise(network, torch.zeros(2, 1, 6, 6))
    x, seen = torch.randn(4, 1, 6, 6), []
    network.first.register_forward_hook(lambda module, inputs, output: seen.append(output))
    network(x)
    assert torch.allclose(head(), head.linear(seen[0].mean(dim=(2, 3))))


def test_no_features_are_kept_in_evaluation():
    network = WithPoint()
    head = AuxiliaryHead(network, 3)
    head.initialise(network, torch.zeros(2, 1, 6, 6))
    network.eval()(torch.zeros(2, 1, 6, 6))
    with pytest.raises(InputError):
        head()


def test_the_head_does_not_change_statistics_or_weights_of_the_network():
    network = WithPoint()
    names = set(network.state_dict())
    head = AuxiliaryHead(network, 3)
    head.initialise(network, torch.randn(2, 1, 6, 6))
    assert set(network.state_dict()) == names
    assert network.training
    assert int(network.first[1].num_batches_tracked) == 0
    assert head.linear.weight.shape == (3, 5)


def test_a_network_without_an_auxiliary_point_is_an_error():
    with pytest.raises(InputError, match="auxiliary_point"):
        AuxiliaryHead(nn.Linear(2, 2), 2)


def test_an_auxiliary_point_that_is_never_reached_is_an_error():
    network = nn.Linear(2, 2)
    network.auxiliary_point = nn.Identity()
    head = AuxiliaryHead(network, 2)
    with pytest.raises(InputError, match="auxiliary"):
        head.initialise(network, torch.zeros(2, 2))
