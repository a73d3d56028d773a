"""The policy: a controller trained on the rewards of its samples (Pham et al. 2018, arXiv:1802.03268, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.enas import ENAS
from archwright.search_space import SearchSpace
from archwright.search_strategy.controllers.lstm_controller import Controller
from archwright.search_strategy.controllers.policy_gradient import moving_averages, reinforce_loss


@dataclass(frozen=True)
class PolicyUpdate:
    """Statistics of one update: means over its architectures, before the controller is changed."""

    reward: float
    baseline: float
    entropy: float
    skip_divergence: float


class Policy:
    """pi(m; theta): the controller of a space, its Adam optimizer and baseline. On the CPU, identical in every process."""

    def __init__(self, method: ENAS, space: SearchSpace, rate: float, seed: int) -> None:
        self.method, self.space = method, space
        self.controller = Controller(space.questions(), method.hidden, method.temperature, method.tanh_constant, seed)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=rate)
        self.baseline: float | None = None
        self._prior = self.controller.log_prior(_skip_prior(space, method.skip_probability))

    @torch.no_grad()
    def draw(self, rng: Random) -> tuple[Architecture, float]:
        """A sampled architecture and its log-probability."""
        sampled = self.controller.sample(self.space.decide, rng)
        return self.space.architecture(sampled.answers), float(sampled.log_prob)

    @torch.no_grad()
    def most_probable(self) -> Architecture:
        """The architecture of greedy answers: each the most probable given the earlier ones."""
        return self.space.architecture(self.controller.most_probable(self.space.decide).answers)

    def learn(self, drawn: Sequence[Architecture], rewards: Sequence[float]) -> PolicyUpdate:
        """One update from architectures sampled from the current controller and their rewards."""
        distributions = self.controller.distributions([architecture.answers for architecture in drawn])
        divergence = distributions.divergence(self._prior)
        gain = self.method.gain(torch.tensor(rewards), distributions.entropy, divergence)
        baselines = self._baselines(gain.tolist())
        self.optimizer.zero_grad()
        torch.autograd.backward(policy_loss(distributions.log_prob, gain, torch.tensor(baselines)))
        self.optimizer.step()
        means = (float(value.mean().detach()) for value in (distributions.entropy, divergence))
        return PolicyUpdate(mean(rewards), mean(baselines), *means)

    def _baselines(self, gains: list[float]) -> list[float]:
        """The baseline of each gain, from the gains before it."""
        previous = [] if self.baseline is None else [self.baseline]
        averages = moving_averages([*previous, *gains, 0.0], self.method.baseline_decay)
        self.baseline = averages[-1]
        return averages[len(previous) : -1]

    def state_dict(self) -> dict[str, Any]:
        learned = {"controller": self.controller.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {"baseline": self.baseline, **learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.baseline = state["baseline"]
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])


def policy_loss(log_prob: Tensor, gain: Tensor, baseline: Tensor) -> Tensor:
    """The expectation of its gradient is minus that of the expected gain, sum_m pi(m) w(m), where w may depend on theta.

    grad sum_m pi w = E[(w - b) grad log pi + grad w], for a baseline b that does not depend on m. log_prob, gain, baseline: (N,).
    Differs: the entropy and the divergence in w are also differentiated directly, so that their gradients are exact, too.
    """
    return reinforce_loss(log_prob, gain.detach() - baseline, log_prob.detach()) - gain.mean()


def _skip_prior(space: SearchSpace, probability: float) -> dict[str, list[float]]:
    """For each question about a skip connection: `probability` for the answer that adds it, the rest shared by the others."""
    skips = space.skips()
    return {
        question.name: _skip_probabilities(len(question.options), question.position(skips[question.name]) or 0, probability)
        for question in space.questions()
        if question.name in skips
    }


def _skip_probabilities(count: int, index: int, probability: float) -> list[float]:
    others = (1 - probability) / max(1, count - 1)
    return [probability if i == index else others for i in range(count)]
