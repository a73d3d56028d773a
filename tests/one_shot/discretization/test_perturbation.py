"""What the supernet needs most is kept, whatever its gate."""

from __future__ import annotations

from random import Random

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.discretization.argmax import argmax_choice
from archwright.one_shot.discretization.perturbation import perturbation_choice

OPS = ("none", "skip_connect", "conv", "pool")
MIXTURE = Mixture(tuple(Edge(f"{i}->3", OPS, "3") for i in range(3)), {"3": 2})
USEFUL = torch.tensor([[0.0, 0.1, 1.0, 0.2], [0.0, 0.0, 0.0, 0.1], [0.0, 2.0, 0.0, 0.1]])
"""The contribution of each candidate if it is present at all."""


def score(gates):
    present = float((USEFUL * (gates > 0)).sum())
    return round(present, 6), 0.0


@pytest.mark.parametrize("seed", range(5))
def test_planted_operations_are_found_though_their_gates_are_small(seed):
    gates = torch.tensor([[0.1, 0.7, 0.05, 0.15], [0.1, 0.1, 0.7, 0.1], [0.2, 0.05, 0.7, 0.05]])
    assert perturbation_choice(MIXTURE, gates, score, Random(seed)) == {"0->3": "conv", "2->3": "skip_connect"}
    assert argmax_choice(MIXTURE, gates) == {"0->3": "skip_connect", "1->3": "conv"}


def test_the_loss_decides_where_the_metric_cannot():
    gates = torch.full((3, 4), 0.25)
    choice = perturbation_choice(MIXTURE, gates, lambda g: (0.5, score(g)[0]), Random(0))
    assert choice == {"0->3": "conv", "2->3": "skip_connect"}


def test_the_sum_of_an_edges_gates_stays_while_a_candidate_is_missing():
    seen = []

    def record(gates):
        seen.append(gates.sum(dim=1))
        return score(gates)

    mixture = Mixture(MIXTURE.edges, {})
    perturbation_choice(mixture, torch.full((3, 4), 0.1), record, Random(0))
    assert len(seen) == 3 * len(OPS)
    assert all(torch.allclose(sums, torch.full((3,), 0.4)) for sums in seen)


def test_the_gates_that_were_given_are_left_alone():
    gates = torch.full((3, 4), 0.25)
    perturbation_choice(MIXTURE, gates, score, Random(1))
    assert (gates == 0.25).all()
