"""Gates of SNAS: soft samples, from all training rows."""

from __future__ import annotations

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot import make_one_shot
from archwright.one_shot.gradient_based.alphas import Alphas
from archwright.one_shot.supernet.supernet_setup import set_up

MIXTURE = Mixture(tuple(Edge(name, ("x", "y", "z"), name) for name in "abc"), {})


def test_the_temperature_falls_geometrically():
    method = make_one_shot("snas", {"first_temperature": 1.0, "last_temperature": 0.01})
    assert [method.temperature(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.1, 0.01])


def test_gates_are_soft_samples():
    method, alphas = make_one_shot("snas"), Alphas(MIXTURE)
    gates = method.gates(alphas, 0.0, torch.Generator().manual_seed(0))
    assert torch.allclose(gates.sum(dim=1), torch.ones(3))
    assert ((gates > 0) & (gates < 1)).all()
    assert not torch.allclose(gates, method.expected(alphas), atol=0.05)


@pytest.mark.parametrize(("single_level", "share"), [(True, 1.0), (False, 0.5)])
def test_single_level_trains_on_all_rows(single_level, share, toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, "snas", single_level=single_level)
    stage = set_up(job, toy_data, torch.device("cpu"), job.epochs)
    assert len(stage.batches.among) == round(share * len(toy_data.train))
    assert (stage.context.alpha_batches is None) == single_level
    stage.search(*stage.batches.batch(0), 0.5)
    assert (stage.context.supernet.computed == 6 * 4) == single_level  # one pass over everything, or two
