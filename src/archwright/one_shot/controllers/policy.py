"""A controller while it learns from the rewards of what it has drawn (Pham et al. 2018, arXiv:1802.03268, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.method import ControllerMethod
from archwright.search_space import SearchSpace
from archwright.search_strategy.controllers.lstm_controller import Controller
from archwright.search_strategy.controllers.policy_gradient import moving_averages, reinforce_loss


@dataclass(frozen=True)
class PolicyUpdate:
    """What an update was made from: means over its architectures, each before the controller moved."""

    reward: float
    baseline: float
    entropy: float
    skip_divergence: float


class Policy:
    """pi(m; theta): the controller of a space, Adam, and the baseline. On the CPU, the same in every process."""

    def __init__(self, method: ControllerMethod, space: SearchSpace, rate: float, seed: int) -> None:
        self.method, self.space = method, space
        self.controller = Controller(space.questions(), method.hidden, method.temperature, method.tanh_constant, seed)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=rate)
        self.baseline: float | None = None
        self._prior = self.controller.log_prior(_skip_prior(space, method.skip_probability))

    @torch.no_grad()
    def draw(self, rng: Random) -> tuple[Architecture, float]:
        """An architecture, and its log-probability."""
        sampled = self.controller.sample(self.space.decide, rng)
        return self.space.architecture(sampled.answers), float(sampled.log_prob)

    @torch.no_grad()
    def most_probable(self) -> Architecture:
        """The one whose every answer is the most probable after those before."""
        return self.space.architecture(self.controller.most_probable(self.space.decide).answers)

    def learn(self, drawn: Sequence[Architecture], rewards: Sequence[float]) -> PolicyUpdate:
        """One update from architectures that were drawn as the controller is now, and their rewards."""
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
        """That of each, from what came before it."""
        before = [] if self.baseline is None else [self.baseline]
        averages = moving_averages([*before, *gains, 0.0], self.method.baseline_decay)
        self.baseline = averages[-1]
        return averages[len(before) : -1]

    def state_dict(self) -> dict[str, Any]:
        learned = {"controller": self.controller.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {"baseline": self.baseline, **learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        self.baseline = state["baseline"]
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])


def policy_loss(log_prob: Tensor, gain: Tensor, baseline: Tensor) -> Tensor:
    """Its gradient is on average minus that of the expected gain, sum_m pi(m) w(m), where w itself may depend on theta.

    grad sum_m pi w = E[(w - b) grad log pi + grad w], for a baseline b that does not depend on m. log_prob, gain, baseline: (N,).
    Differs: the entropy and the divergence within w are also derived directly, so that their gradients, too, are exact.
    """
    return reinforce_loss(log_prob, gain.detach() - baseline, log_prob.detach()) - gain.mean()


def _skip_prior(space: SearchSpace, probability: float) -> dict[str, list[float]]:
    """Of each question about a skip connection: `probability` for the answer that makes one, the others share the rest."""
    skips = space.skips()
    return {
        question.name: _shares(len(question.options), question.position(skips[question.name]) or 0, probability)
        for question in space.questions()
        if question.name in skips
    }


def _shares(count: int, place: int, probability: float) -> list[float]:
    others = (1 - probability) / max(1, count - 1)
    return [probability if i == place else others for i in range(count)]
