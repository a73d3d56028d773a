from __future__ import annotations

import pytest
import torch

from archwright.architecture.question import Question
from archwright.architecture.variation import enumerate_answers
from archwright.search_strategy.controllers.lstm_controller import Controller
from archwright.search_strategy.controllers.policy_gradient import moving_averages, ppo_loss, reinforce_loss

QUESTIONS = (Question("first", ("a", "b")), Question("second", (1, 2, 3)))


def decide(choose):
    return choose("first", ["a", "b"]), choose("second", [1, 2, 3])


ALL = list(enumerate_answers(decide))
REWARDS = torch.tensor([0.3, 1.0, -0.5, 0.2, 0.7, 0.0], dtype=torch.float64)


@pytest.fixture
def controller():
    return Controller(QUESTIONS, hidden=4).double()


def gradient(controller, loss):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(controller.parameters()))])


def expected_reward(controller):
    return float((controller.log_prob(ALL)[0].exp() * REWARDS).sum())


def test_the_baseline_is_the_moving_average_of_earlier_rewards():
    assert moving_averages([4.0, 8.0, 0.0, 2.0], 0.75) == [4.0, 4.0, 5.0, 3.75]
    assert moving_averages([], 0.9) == []
    assert moving_averages([1.0, 5.0, 9.0], 0.0) == [1.0, 1.0, 5.0]


@pytest.mark.parametrize("baseline", [0.0, 0.4])
def test_reinforce_on_average_is_the_gradient_of_the_expected_reward(controller, baseline):
    """By enumeration: sum_a p(a) grad loss(a) = - grad E[R], whatever the baseline, and that by finite differences."""
    p = controller.log_prob(ALL)[0].exp().detach()
    total = 0
    for i, answers in enumerate(ALL):
        log_prob = controller.log_prob([answers])[0]
        total = total + p[i] * gradient(controller, reinforce_loss(log_prob, REWARDS[i : i + 1] - baseline, log_prob.detach()))
    numeric = []
    with torch.no_grad():
        for parameter in controller.parameters():
            for place in range(parameter.numel()):
                entry, step = parameter.view(-1)[place], 1e-5
                entry += step
                up = expected_reward(controller)
                entry -= 2 * step
                numeric.append((up - expected_reward(controller)) / (2 * step))
                entry += step
    assert torch.allclose(-total, torch.tensor(numeric, dtype=torch.float64), atol=1e-8)
    assert total.abs().max() > 1e-3


def test_ppo_begins_with_ratios_of_one_and_the_gradient_of_reinforce(controller):
    log_probs = controller.log_prob(ALL)[0]
    assert float(ppo_loss(log_probs.detach(), REWARDS, log_probs.detach(), 0.2)) == pytest.approx(-float(REWARDS.mean()))
    first = gradient(controller, ppo_loss(controller.log_prob(ALL)[0], REWARDS, log_probs.detach(), 0.2))
    assert torch.allclose(first, gradient(controller, reinforce_loss(controller.log_prob(ALL)[0], REWARDS, log_probs.detach())))


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"), [(1.1, 1.0, 1.1), (1.3, 1.0, 0), (1.3, -1.0, -1.3), (0.7, -1.0, 0), (0.7, 1.0, 0.7)]
)
def test_ppo_clips_the_ratio(ratio, advantage, slope):
    log_prob = torch.tensor([ratio]).log().requires_grad_()
    (found,) = torch.autograd.grad(ppo_loss(log_prob, torch.tensor([advantage]), torch.zeros(1), 0.2), log_prob)
    assert float(found) == pytest.approx(-slope, abs=1e-6)


def test_samples_of_an_older_controller_are_weighted_by_their_importance_at_most_one():
    log_prob = torch.tensor([-1.0, -1.0, -1.0], requires_grad=True)
    older = torch.tensor([-0.5, -1.0, -3.0])
    (found,) = torch.autograd.grad(reinforce_loss(log_prob, torch.ones(3), older), log_prob)
    assert torch.allclose(-3 * found, torch.tensor([-0.5, 0.0, 0.0]).exp())
