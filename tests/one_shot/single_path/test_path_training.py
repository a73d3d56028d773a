"""Equation 1 of ENAS: the gradient is the mean over a few architectures."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest
import torch

from archwright.one_shot import make_one_shot
from archwright.one_shot.single_path.path_training import PathTraining


@pytest.mark.parametrize("count", [1, 3])
def test_a_step_follows_the_mean_gradient_of_its_architectures(count, stage_of):
    context = stage_of("enas").context
    method = make_one_shot("enas", {"momentum": 0.0, "weight_decay": 0.0, "gradient_clip": 0.0, "learning_rate": 0.1})
    architectures = [context.space.sample(Random(seed)) for seed in range(count)]
    x, y = context.alpha_batches.batch(0)
    alone = deepcopy(context.supernet)
    losses = [context.loss(alone(x, alone.gates_of(architecture)), y) for architecture in architectures]
    expected = [
        weight - 0.1 * sum(gradients) / count
        for weight, gradients in zip(
            alone.parameters(), zip(*[torch.autograd.grad(loss, alone.parameters()) for loss in losses], strict=True), strict=True
        )
    ]
    loss, output = PathTraining(method, context)(x, y, architectures, done=0.0)
    assert float(loss) == pytest.approx(float(sum(losses).detach()) / count)
    assert not loss.requires_grad
    assert output.shape == y.shape
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(context.supernet.parameters(), expected, strict=True))
