"""What a policy learns: exact gradients on a space that can be enumerated, baselines, and a planted best."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest
import torch

from archwright.architecture.variation import enumerate_answers
from archwright.one_shot.controllers.policy import Policy, policy_loss
from archwright.one_shot.enas import ENAS
from archwright.search_space import SearchSpace
from archwright.search_strategy.controllers.policy_gradient import moving_averages


@dataclass(frozen=True)
class Skips(SearchSpace):
    """Two layers, or three; from the second on each may have a skip. 2 x 2 and 3 x 4 architectures."""

    def decide(self, choose):
        deep = choose("deep", [False, True])
        first = choose("first", ["a", "b", "c"])
        return deep, first, choose("skip1", [False, True]), choose("skip2", ["none", "skip"]) if deep else None

    def build(self, description, problem):
        raise NotImplementedError

    def skips(self):
        return {"skip1": True, "skip2": "skip"}


SPACE = Skips()
ALL = list(enumerate_answers(SPACE.decide))


def policy_of(rate=0.01, seed=3, **settings):
    policy = Policy(ENAS(hidden=6, **settings), SPACE, rate, seed)
    policy.controller.double()
    policy._prior = policy._prior.double()
    return policy


def gain_of(policy, rewards):
    distributions = policy.controller.distributions(ALL)
    return distributions, policy.method.gain(rewards, distributions.entropy, distributions.divergence(policy._prior))


def test_the_gradient_is_on_average_that_of_the_expected_gain():
    """Reinforcement against finite differences of sum_m pi(m) w(m), over all architectures m, in some directions of theta."""
    policy = policy_of(entropy=0.3, skip_weight=0.8, temperature=1.0)
    rewards = torch.rand(len(ALL), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parameters = list(policy.controller.parameters())
    distributions, gain = gain_of(policy, rewards)
    expected = [torch.zeros_like(parameter) for parameter in parameters]
    for i, p in enumerate(distributions.log_prob.exp().tolist()):
        loss = policy_loss(distributions.log_prob[i : i + 1], gain[i : i + 1], torch.tensor([0.37], dtype=torch.float64))
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        expected = [total - p * gradient for total, gradient in zip(expected, gradients, strict=True)]
    draw = torch.Generator().manual_seed(1)
    for _ in range(5):
        direction = [torch.randn(parameter.shape, generator=draw, dtype=torch.float64) for parameter in parameters]
        values = [expected_gain(policy, rewards, direction, step) for step in (1e-5, -1e-5)]
        slope = sum((gradient * d).sum() for gradient, d in zip(expected, direction, strict=True))
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(slope), rel=1e-6)


def expected_gain(policy, rewards, direction, step):
    with torch.no_grad():
        for parameter, d in zip(policy.controller.parameters(), direction, strict=True):
            parameter.add_(d, alpha=step)
        distributions, gain = gain_of(policy, rewards)
        for parameter, d in zip(policy.controller.parameters(), direction, strict=True):
            parameter.sub_(d, alpha=step)
        return float((distributions.log_prob.exp() * gain).sum())


def test_the_penalty_is_the_divergence_of_skips_from_their_rate():
    """KL(p, rho) = p ln(p / rho) + (1 - p) ln((1 - p) / (1 - rho)), a mean over the skips, times 0.8: by hand, for p = 1/2."""
    policy = policy_of()
    with torch.no_grad():
        for parameter in policy.controller.parameters():
            parameter.zero_()
        distributions = policy.controller.distributions(ALL)
        by_hand = 0.5 * torch.tensor(0.5 / 0.4).log() + 0.5 * torch.tensor(0.5 / 0.6).log()
        assert distributions.divergence(policy._prior).tolist() == pytest.approx([float(by_hand)] * len(ALL), rel=1e-5)
        gain = policy.method.gain(torch.ones(len(ALL)), torch.zeros(len(ALL)), distributions.divergence(policy._prior))
        assert gain.tolist() == pytest.approx([1 - 0.8 * 0.020411] * len(ALL), abs=1e-5)


def test_without_rewards_skips_are_drawn_at_their_rate():
    policy = policy_of(rate=0.02, entropy=0.0, skip_weight=5.0, skip_probability=0.3)
    for number in range(150):
        drawn = [policy.draw(Random(f"{number}/{i}"))[0] for i in range(4)]
        update = policy.learn(drawn, [0.0] * 4)
    shares = [policy.draw(Random(seed))[0].answers["skip1"] for seed in range(400)]
    assert sum(shares) / 400 == pytest.approx(0.3, abs=0.08)
    assert update.skip_divergence < 1e-3


def test_baselines_are_the_moving_averages_of_what_came_before():
    policy, rewards = policy_of(entropy=0.0, skip_weight=0.0), [0.1, 0.9, 0.4, 0.4, 0.7, 0.2]
    policy_updates = []
    for start in (0, 2, 4):
        drawn = [policy.draw(Random(seed))[0] for seed in range(2)]
        policy_updates.append(policy.learn(drawn, rewards[start : start + 2]))
    expected = moving_averages(rewards, 0.95)
    assert [update.baseline for update in policy_updates] == pytest.approx([sum(expected[i : i + 2]) / 2 for i in (0, 2, 4)])
    assert [update.reward for update in policy_updates] == pytest.approx([0.5, 0.4, 0.45])


def test_a_restored_controller_continues_where_the_other_stopped():
    whole, first, second = policy_of(), policy_of(), policy_of(seed=4)
    for policy in (whole, first):
        policy.learn([policy.draw(Random(0))[0]], [0.8])
    second.load_state_dict(first.state_dict())
    for policy in (whole, second):
        policy.learn([policy.draw(Random(1))[0]], [0.3])
    assert whole.baseline == second.baseline
    pairs = zip(whole.controller.parameters(), second.controller.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_planted_best_is_sampled_nine_times_out_of_ten(seed, toy):
    """Within 200 updates, with the default settings except for the learning rate; rewards are noisy."""
    space, best, rng = toy.Toy(), toy.best_architecture(), Random(seed)
    policy = Policy(ENAS(), space, 0.01, seed)
    for _ in range(200):
        drawn = [policy.draw(rng)[0] for _ in range(10)]
        right = [sum(one.answers[name] == answer for name, answer in best.answers.items()) / 5 for one in drawn]
        policy.learn(drawn, [0.4 * share + rng.gauss(0.3, 0.05) for share in right])
    with torch.no_grad():
        assert float(policy.controller.log_prob([best.answers])[0].exp()) > 0.9
    assert policy.most_probable() == best
