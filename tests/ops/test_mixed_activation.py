import pytest
import torch

from archwright.errors import UnknownName
from archwright.ops.activation import activation
from archwright.ops.mixed_activation import FUNCTIONS, MixedActivation

NAMES = ("tanh", "relu", "identity", "sigmoid")


def sample():
    torch.manual_seed(0)
    x = torch.randn(3, 2, 4, dtype=torch.float64)
    weights = torch.rand(2, 4, dtype=torch.float64)
    return x, weights


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_is_the_activation_of_that_name(name):
    x, _ = sample()
    assert torch.equal(FUNCTIONS[name][0](x), activation(name)(x))


def test_a_mixture_is_the_sum_of_its_terms():
    x, weights = sample()
    expected = sum(weights[:, k, None] * activation(name)(x) for k, name in enumerate(NAMES))
    torch.testing.assert_close(MixedActivation(NAMES, weights)(x), expected)


@pytest.mark.parametrize("closed", [[], [(0, 1)], [(0, 0), (0, 2), (1, 3)], [(0, 3), (1, 3)]])
def test_gradients_agree_with_finite_differences(closed):
    x, weights = sample()
    for place in closed:
        weights[place] = 0.0
    mixture = MixedActivation(NAMES, weights)

    def mix(x, weights):
        mixture.weights = weights * (weights.detach() != 0)
        return mixture(x)

    assert torch.autograd.gradcheck(mix, (x.requires_grad_(), weights.requires_grad_()))


def test_activations_with_a_weight_of_zero_are_not_computed(monkeypatch):
    x, weights = sample()
    weights[0, 0], weights[:, 1] = 0.0, 0.0
    rows = []
    monkeypatch.setitem(FUNCTIONS, "tanh", (lambda x: rows.append(x.shape[1]) or x.tanh(), None))
    monkeypatch.setitem(FUNCTIONS, "relu", (None, None))
    MixedActivation(NAMES, weights)(x)
    assert rows == [1]


def test_only_required_gradients_are_computed():
    x, weights = sample()
    MixedActivation(NAMES, weights)(x.requires_grad_()).sum().backward()
    assert x.grad is not None
    MixedActivation(NAMES, weights.requires_grad_())(x.detach()).sum().backward()
    assert weights.grad is not None


def test_an_activation_without_a_derivative_is_an_error():
    with pytest.raises(UnknownName, match="activation 'gelu' cannot be mixed: choose from tanh, relu"):
        MixedActivation(("tanh", "gelu"), torch.ones(1, 2))
