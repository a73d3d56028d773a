import pytest
import torch
from torch import nn

from archwright.errors import InputError
from archwright.ops.variational_dropout import VariationalDropout, masked, set_variational_dropout


def test_one_mask_for_all_steps_and_the_mean_is_preserved():
    torch.manual_seed(0)
    y = VariationalDropout(probability=0.25)(torch.ones(5, 200, 20))
    assert torch.equal(y.amin(dim=0), y.amax(dim=0))
    assert y.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert y.mean().item() == pytest.approx(1.0, abs=0.03)


def test_each_sequence_and_each_call_has_its_own_mask():
    torch.manual_seed(0)
    dropout, x = VariationalDropout(probability=0.5), torch.ones(1, 2, 100)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first[:, 0], first[:, 1])
    assert not torch.equal(first, second)


def test_nothing_is_dropped_at_zero_or_in_evaluation():
    x = torch.randn(3, 2, 4)
    assert VariationalDropout()(x) is x
    assert VariationalDropout(probability=0.9).eval()(x) is x
    assert masked(x, None) is x


def test_a_mask_of_whole_words():
    torch.manual_seed(0)
    weight = torch.ones(50, 4)
    mask = VariationalDropout("embedding_dropout", 0.5).mask(weight[:, :1])
    assert mask is not None
    assert mask.shape == (50, 1)
    assert set(masked(weight, mask).sum(dim=1).tolist()) == {0.0, 8.0}


def test_each_place_is_set_by_its_name():
    network = nn.Sequential(VariationalDropout("dropout", 0.1), nn.Sequential(VariationalDropout("hidden_dropout")))
    set_variational_dropout(network, {"hidden_dropout": 0.3, "embedding_dropout": 0.2})
    assert [module.probability for module in network.modules() if isinstance(module, VariationalDropout)] == [0.1, 0.3]


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_an_invalid_drop_probability_is_refused(probability):
    with pytest.raises(InputError, match=r"hidden_dropout .* at least 0 and below 1"):
        set_variational_dropout(nn.Identity(), {"hidden_dropout": probability})
