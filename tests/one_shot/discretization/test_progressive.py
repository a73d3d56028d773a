"""Greedy decisions, one edge at a time."""

from __future__ import annotations

import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.discretization.progressive import ProgressiveDecisions

OPS = ("none", "skip_connect", "conv")
MIXTURE = Mixture(
    (*(Edge(f"{i}->2", OPS, "2") for i in range(2)), *(Edge(f"{i}->3", OPS, "3") for i in range(3))), {"2": 2, "3": 2}
)
GATES = torch.tensor(
    [
        [0.3, 0.4, 0.3],
        [0.02, 0.03, 0.95],  # important and certain: the first
        [0.6, 0.3, 0.1],
        [0.1, 0.8, 0.1],  # the second
        [0.2, 0.4, 0.4],
    ]
)


def test_the_most_important_and_certain_edge_is_decided_first():
    decisions = ProgressiveDecisions(MIXTURE)
    decisions.catch_up(GATES, 0.25)
    assert (decisions.decisions_made, decisions.decisions) == (1, 4)
    gates = decisions.gates(GATES)
    assert gates[1].tolist() == [0.0, 0.0, 1.0]
    assert torch.equal(gates[[0, 2, 3, 4]], GATES[[0, 2, 3, 4]])
    decisions.catch_up(GATES, 0.5)
    assert decisions.gates(GATES)[3].tolist() == [0.0, 1.0, 0.0]


def test_a_target_that_has_enough_loses_its_other_edges():
    decisions = ProgressiveDecisions(MIXTURE)
    decisions.catch_up(GATES, 1.0)
    gates = decisions.gates(GATES)
    assert decisions.decisions_made == 4
    assert not decisions.open.any()
    assert gates.sum(dim=1).tolist().count(0.0) == 1
    assert set(gates.flatten().tolist()) == {0.0, 1.0}
    assert (gates[:, 0] == 0).all()


def test_the_completed_choice_decides_nothing():
    decisions = ProgressiveDecisions(MIXTURE)
    decisions.catch_up(GATES, 0.25)
    choice = decisions.completed_choice(GATES)
    assert choice["1->2"] == "conv"
    assert choice["0->2"] == "skip_connect"
    assert len(choice) == 4
    assert decisions.decisions_made == 1


def test_a_decided_edge_passes_no_gradient():
    decisions = ProgressiveDecisions(MIXTURE)
    decisions.catch_up(GATES, 0.25)
    gates = GATES.clone().requires_grad_()
    decisions.gates(gates).sum().backward()
    assert gates.grad.sum(dim=1).tolist() == [3.0, 0.0, 3.0, 3.0, 3.0]


def test_decisions_are_saved():
    first, second = ProgressiveDecisions(MIXTURE), ProgressiveDecisions(MIXTURE)
    first.catch_up(GATES, 0.5)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.gates(GATES), second.gates(GATES))
    assert first.completed_choice(GATES) == second.completed_choice(GATES)


def test_edges_with_a_single_candidate_are_handled():
    mixture = Mixture((Edge("a", ("only",), "a"), Edge("b", ("x", "y"), "b")), {})
    assert ProgressiveDecisions(mixture).completed_choice(torch.tensor([[1.0, 0.0], [0.4, 0.6]])) == {"a": "only", "b": "y"}
