import pytest
import torch
from torch import nn

from archwright.errors import InputError
from archwright.ops.drop_path import DropPath, set_drop_path


def test_whole_samples_are_dropped_and_the_mean_is_preserved():
    torch.manual_seed(0)
    y = DropPath(0.25)(torch.ones(4000, 2, 3))
    assert y.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert torch.equal(y.amin(dim=(1, 2)), y.amax(dim=(1, 2)))
    assert y.mean().item() == pytest.approx(1.0, abs=0.03)


def test_nothing_is_dropped_at_zero_or_in_evaluation():
    x = torch.randn(8, 3)
    assert DropPath(0.0)(x) is x
    assert DropPath(0.9).eval()(x) is x


def test_every_drop_path_of_a_network_is_set():
    network = nn.Sequential(DropPath(), nn.Sequential(nn.ReLU(), DropPath()))
    set_drop_path(network, 0.3)
    assert [module.probability for module in network.modules() if isinstance(module, DropPath)] == [0.3, 0.3]


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_an_invalid_drop_probability_is_refused(probability):
    with pytest.raises(InputError, match="at least 0 and below 1"):
        set_drop_path(nn.Identity(), probability)
