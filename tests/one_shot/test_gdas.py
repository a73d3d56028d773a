"""Gates of GDAS: one-hot, at a falling temperature."""

from __future__ import annotations

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot import make_one_shot
from archwright.one_shot.gradient_based.alphas import Alphas

MIXTURE = Mixture(tuple(Edge(name, ("x", "y", "z"), name) for name in "abcdef"), {})


def test_the_temperature_falls_linearly():
    method = make_one_shot("gdas")
    assert [method.temperature(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([10.0, 5.05, 0.1])


def test_gates_are_one_hot_and_another_draw_has_others():
    method, alphas = make_one_shot("gdas"), Alphas(MIXTURE)
    first, second = (method.gates(alphas, 0.3, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert set(first.flatten().tolist()) == {0.0, 1.0}
    assert first.sum(dim=1).tolist() == [1.0] * 6
    assert not torch.equal(first, second)
    assert torch.equal(first, method.gates(alphas, 0.3, torch.Generator().manual_seed(0)))


def test_alphas_learn_through_the_gates_that_are_on():
    method, alphas = make_one_shot("gdas"), Alphas(MIXTURE)
    gates = method.gates(alphas, 0.9, torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((gates * (gates.detach() != 0)).sum(), alphas.alpha)
    assert (gradient.abs().sum(dim=1) > 0).all()


def test_a_step_costs_no_more_than_one_network(toy, toy_data, tmp_path):
    from archwright.one_shot.supernet.supernet_setup import set_up

    job = toy.toy_job(tmp_path, "gdas")
    stage = set_up(job, toy_data, torch.device("cpu"), job.epochs)
    stage.search(*stage.batches.batch(0), 0.5)
    assert stage.context.supernet.computed == 2 * 6  # one candidate on each edge, for the alphas and for the weights
