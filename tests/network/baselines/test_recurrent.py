import pytest
import torch
from torch import nn

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.baselines import RECURRENT, build_baseline, usual_baselines
from archwright.network.baselines.recurrent import GRU, LSTM, fitting_width

TEXT = Problem("letters", "language_modelling", (16,), 30, tuple(map(str, range(30))), level="character")


def like_torch(cell, reference, blocks):
    """PyTorch's cell with our weights. blocks: the index of our block for each block of its rows, in its order."""
    order = torch.cat([torch.arange(5 * block, 5 * block + 5) for block in blocks])
    with torch.no_grad():
        reference.weight_ih_l0.copy_(cell.input.weight[order])
        reference.weight_hh_l0.copy_(cell.hidden.weight[order])
        reference.bias_ih_l0.copy_(cell.input.bias[order])
        reference.bias_hh_l0.copy_(cell.hidden.bias[order] if cell.hidden.bias is not None else torch.zeros(len(order)))
    return reference


def test_the_lstm_equals_pytorchs():
    cell, x = LSTM(5), torch.randn(7, 3, 5)
    reference = like_torch(cell, nn.LSTM(5, 5), [0, 1, 3, 2])  # PyTorch: i, f, g, o
    state = torch.randn(3, 5), torch.randn(3, 5)
    outputs, (h, c) = cell(x, state)
    expected, (last_h, last_c) = reference(x, (state[0][None], state[1][None]))
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close((h, c), (last_h[0], last_c[0]))


def test_the_gru_equals_pytorchs():
    cell, x = GRU(5), torch.randn(7, 3, 5)
    reference = like_torch(cell, nn.GRU(5, 5), [0, 1, 2])
    state = torch.randn(3, 5)
    outputs, after = cell(x, state)
    expected, last = reference(x, state[None])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after, last[0])


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_one_mask_holds_for_the_state_at_every_step(cell):
    torch.manual_seed(0)
    recurrence = cell(4)
    recurrence.hidden_dropout.probability = 0.5
    x, state = torch.zeros(3, 2, 4), recurrence.initial(2, torch.zeros(1))
    masks = []
    recurrence.hidden_dropout.mask = lambda like: masks.append(torch.ones_like(like)) or masks[-1]
    recurrence(x, state)
    assert len(masks) == 1


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("parameters", [2_000, 50_000])
def test_they_have_the_requested_size(name, parameters):
    size = parameter_count(build_baseline(name, TEXT, parameters))
    assert abs(size - parameters) < 0.06 * parameters


def test_the_nearest_width_is_chosen():
    assert [fitting_width(lambda width: width**2, wanted) for wanted in (1, 6, 7, 100)] == [1, 2, 3, 10]


def test_text_has_its_own_baselines_and_other_tasks_have_none_of_these():
    assert usual_baselines(TEXT) == ("lstm", "gru")
    assert usual_baselines(Problem("d", "classification", (1, 8, 8), 3)) == ("resnet-tiny", "resnet18", "random_forest")
    with pytest.raises(InputError, match="'resnet18' does not support text such as letters: choose from lstm, gru"):
        build_baseline("resnet18", TEXT)
    with pytest.raises(InputError, match="'gru' is for text, and d is a classification task"):
        build_baseline("gru", Problem("d", "classification", (1, 8, 8), 3))


@pytest.mark.parametrize("name", RECURRENT)
def test_all_weights_learn(name):
    network = build_baseline(name, TEXT, 5_000)
    output = network(torch.randint(30, (2, 16)))
    assert output.shape == (2, 16, 30)
    output.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", RECURRENT)
def test_they_also_train_in_mixed_precision(name):
    network, tokens = build_baseline(name, TEXT, 5_000), torch.randint(30, (2, 16))
    with torch.autocast("cpu", torch.bfloat16):
        network(tokens)
        output = network(tokens)
    output.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
