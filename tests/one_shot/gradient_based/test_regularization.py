"""Regularization terms that favour clear decisions."""

from __future__ import annotations

import math

import pytest
import torch

from archwright.errors import InputError
from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.gradient_based.regularization import connection_mask, connection_norm, mean_entropy, penalties_of

MIXTURE = Mixture((Edge("a", ("none", "x", "y", "z"), "1"), Edge("b", ("x", "none"), "2")), {})


def test_entropy_is_that_of_the_textbook():
    gates = torch.tensor([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    assert float(mean_entropy(gates)) == pytest.approx((math.log(4) + 0 + math.log(2)) / 3, abs=1e-6)


def test_entropy_has_a_finite_gradient_at_zeros():
    gates = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    mean_entropy(gates).backward()
    assert torch.isfinite(gates.grad).all()


def test_none_costs_nothing():
    mask = connection_mask(MIXTURE)
    assert mask.tolist() == [[False, True, True, True], [True, False, False, False]]
    gates = torch.tensor([[0.4, 0.1, 0.2, 0.3], [0.9, 0.1, 0.0, 0.0]])
    assert float(connection_norm(gates, mask)) == pytest.approx((0.6 + 0.9) / 2)


def test_without_none_there_is_nothing_to_move_weight_to():
    with pytest.raises(InputError, match="has no candidate 'none': set l1=0"):
        connection_mask(Mixture((Edge("a", ("x", "y"), "1"),), {}))


def test_each_weight_that_is_not_zero_adds_a_penalty():
    gates, cpu = torch.tensor([[0.4, 0.1, 0.2, 0.3], [0.9, 0.1, 0.0, 0.0]]), torch.device("cpu")
    (entropy,), (l1,) = penalties_of(0.5, 0.0, MIXTURE, cpu), penalties_of(0.0, 3.0, MIXTURE, cpu)
    assert float(entropy(gates)) == pytest.approx(0.5 * float(mean_entropy(gates)))
    assert float(l1(gates)) == pytest.approx(3.0 * (0.6 + 0.9) / 2)
