import math

import pytest
import torch

from archwright.errors import UnknownName
from archwright.ops.activation import ACTIVATIONS, activation

AT_ONE = {
    "relu": 1.0,
    "leaky_relu": 1.0,
    "elu": 1.0,
    "gelu": 0.5 * (1 + math.erf(1 / math.sqrt(2))),
    "silu": 1 / (1 + math.exp(-1)),
    "hardswish": 4 / 6,
    "tanh": math.tanh(1),
    "sigmoid": 1 / (1 + math.exp(-1)),
    "identity": 1.0,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_has_its_formulas_value_at_one(name):
    assert activation(name)(torch.tensor([1.0])).item() == pytest.approx(AT_ONE[name], abs=1e-6)


def test_an_unknown_activation_lists_the_known_ones():
    with pytest.raises(UnknownName, match="unknown activation 'rely': choose from relu"):
        activation("rely")
