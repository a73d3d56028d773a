"""One SGD step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.one_shot import make_one_shot
from archwright.one_shot.supernet.weight_update import WeightUpdate


def test_the_rate_falls_by_a_cosine():
    update = WeightUpdate(make_one_shot("darts"), nn.Linear(2, 2))
    assert [update.rate(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([0.025, 0.013, 0.001])


def test_a_weight_without_a_gradient_stays():
    network = nn.Linear(2, 2)
    before = [weight.detach().clone() for weight in network.parameters()]
    update = WeightUpdate(make_one_shot("darts"), network)
    for _ in range(2):
        update([torch.ones(2, 2), None], 0.0)
    assert not torch.equal(network.weight, before[0])
    assert torch.equal(network.bias, before[1])


def test_gradients_are_clipped_by_their_norm():
    network = nn.Linear(1, 1, bias=False)
    before = float(network.weight.detach())
    method = make_one_shot("darts", {"weight_decay": 0.0, "gradient_clip": 2.0, "learning_rate": 0.5, "least_learning_rate": 0.5})
    WeightUpdate(method, network)([torch.tensor([[100.0]])], 0.0)
    assert float(network.weight.detach()) == pytest.approx(before - 0.5 * 2.0, abs=1e-4)


def test_momentum_and_weight_decay_predict_a_step():
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    method = make_one_shot("darts", {"gradient_clip": 0.0})
    update = WeightUpdate(method, network)
    gradients = [torch.randn(2, 3), torch.randn(2)]
    update(gradients, 0.0)
    expected = [
        weight.detach() - update.rate(0.3) * (gradient + constant)
        for weight, gradient, constant in zip(update.weights, gradients, update.momentum_and_weight_decay(), strict=True)
    ]
    update(gradients, 0.3)
    assert all(torch.allclose(weight, foretold) for weight, foretold in zip(update.weights, expected, strict=True))
