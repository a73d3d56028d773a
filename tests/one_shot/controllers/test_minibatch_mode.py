"""Training mode without dropout, restored afterwards."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import nn

from archwright.data.problem import Problem
from archwright.one_shot.controllers.minibatch_mode import minibatch_mode
from archwright.ops.drop_path import DropPath
from archwright.search_space import make_space

PROBLEM = Problem("d", "classification", (1, 8, 8), 4)
SETTINGS = {
    "cell": {"filters": 4, "blocks": 2, "operations": "enas"},
    "nasbench201": {"repeats": 1, "filters": 4},
    "chain": {"stages": 2, "pooling": "stride", "connectivity": "residual", "activation": "relu"},
}


def test_dropouts_are_off_and_modes_are_restored():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), DropPath(0.5), nn.BatchNorm1d(2))
    network[2].eval()
    with minibatch_mode(network):
        assert [part.training for part in network] == [True, False, False, True]
    assert [part.training for part in network] == [True, True, False, True]
    assert network[3].momentum == 0.1


@pytest.mark.parametrize("name", SETTINGS)
def test_outputs_are_those_of_training_and_statistics_stay(name):
    space = make_space(name, SETTINGS[name]).for_problem(PROBLEM)
    supernet, x = space.supernet(PROBLEM), torch.randn(6, 1, 8, 8)
    gates = supernet.gates_of(space.sample(Random(3)))
    before = statistics(supernet)
    with torch.no_grad(), minibatch_mode(supernet):
        output = supernet(x, gates)
    assert all(torch.equal(*pair) for pair in zip(statistics(supernet), before, strict=True))
    assert torch.equal(output, supernet(x, gates))
    assert not all(torch.equal(*pair) for pair in zip(statistics(supernet), before, strict=True))


def statistics(supernet):
    return [buffer.clone() for buffer in supernet.buffers() if buffer.is_floating_point()]
