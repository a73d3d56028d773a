"""Scores under gates: how they are computed, and that everything is restored."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.one_shot.supernet.shared_weight_score import FixedGateSupernet, SharedWeightScore


class Small(nn.Module):
    """x (B, 2) and gates (1, 2): a normalised feature each."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2, affine=False, momentum=0.3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x, gates):
        return self.drop(self.norm(x)) * gates


X = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0], [7.0, 40.0]])
BATCHES = [X[:2], X[2:]]
GATES = torch.tensor([[1.0, 0.0]])


def seen(network):
    """Not a score: the output of the network in its current mode."""
    network.eval()
    with torch.inference_mode():
        output = network(X)
    return {"mean": float(output[:, 0].mean()), "spread": float(output[:, 0].var())}


def test_statistics_are_the_mean_over_the_calibration_batches():
    supernet = Small()
    seen_by = {}

    def validate(network):
        seen_by["mean"] = supernet.norm.running_mean.clone()
        seen_by["var"] = supernet.norm.running_var.clone()
        return seen(network)

    SharedWeightScore(supernet, BATCHES, validate)(GATES)
    assert torch.allclose(seen_by["mean"], torch.stack([batch.mean(dim=0) for batch in BATCHES]).mean(dim=0))
    assert torch.allclose(seen_by["var"], torch.stack([batch.var(dim=0) for batch in BATCHES]).mean(dim=0))


@pytest.mark.parametrize("training", [True, False])
def test_everything_is_restored_afterwards(training):
    supernet = Small().train(training)
    supernet(X, GATES)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    first, second = (SharedWeightScore(supernet, BATCHES, seen)(GATES) for _ in range(2))
    assert first == second
    assert supernet.training == supernet.norm.training == training
    assert supernet.norm.momentum == 0.3
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state_dict().items())


def test_without_recalibration_statistics_stay_as_they_are():
    supernet = Small()
    supernet.norm.running_mean.fill_(4.0)
    result = SharedWeightScore(supernet, BATCHES, seen)(GATES, recalibrate=False)
    assert result["mean"] == pytest.approx(float(X[:, 0].mean() - 4.0), abs=1e-4)


def test_everything_is_restored_after_an_error():
    supernet = Small()

    def fail(network):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        SharedWeightScore(supernet, BATCHES, fail)(GATES)
    assert supernet.norm.running_mean.tolist() == [0.0, 0.0]


def test_a_network_under_gates_takes_only_inputs():
    supernet = Small().eval()
    assert torch.equal(FixedGateSupernet(supernet, GATES).eval()(X), supernet(X, GATES))
