"""A controller as the history makes it: first weights from the settings alone, updates from the results in their order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import pstdev
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archwright.architecture.variation import Decide
from archwright.evaluate.history import Candidate
from archwright.search_space import SearchSpace
from archwright.search_strategy.controllers.lstm_controller import Controller, Sampled
from archwright.search_strategy.controllers.policy_gradient import moving_averages, ppo_loss, reinforce_loss
from archwright.search_strategy.reinforce import rewards_of

if TYPE_CHECKING:
    from archwright.search_strategy.reinforce import Reinforce

REMEMBERED = 200
"""Results that baseline and standard deviation are made of, the latest; with the papers' decay older ones weigh nothing."""


class ReplayedController:
    """The controller of `settings` after the results in `learned`."""

    def __init__(self, space: SearchSpace, settings: Reinforce, batch: int) -> None:
        self.space = space
        self.settings = settings
        self.batch = batch
        self.learned: list[Candidate] = []
        self.controller = Controller(space.questions(), settings.hidden, settings.temperature, settings.tanh_constant)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=settings.learning_rate)

    def follows(self, space: SearchSpace, results: Sequence[Candidate]) -> bool:
        """Whether `follow` can bring this controller to those results: what it has learned from comes first in them."""
        return space == self.space and self.learned == results[: len(self.learned)]

    def follow(self, results: Sequence[Candidate]) -> None:
        """Learns from the full batches that are new."""
        while len(self.learned) + self.batch <= len(results):
            seen = results[: len(self.learned) + self.batch]
            self._learn(seen[-self.batch :], self._advantages(seen)[-self.batch :])
            self.learned = list(seen)

    @torch.no_grad()
    def sample(self, decide: Decide, rng: Random) -> Sampled:
        """An architecture as the controller is now."""
        return self.controller.sample(decide, rng)

    def _advantages(self, seen: Sequence[Candidate]) -> Tensor:
        """(R,) of the latest results: rewards less their baselines, in standard deviations of the rewards."""
        rewards = rewards_of(seen, max(REMEMBERED, self.batch))
        baselines = moving_averages(rewards, self.settings.baseline_decay)
        scale = pstdev(rewards) or 1.0
        return torch.tensor([(reward - baseline) / scale for reward, baseline in zip(rewards, baselines, strict=True)])

    def _learn(self, batch: Sequence[Candidate], advantages: Tensor) -> None:
        """One step of REINFORCE, or several of PPO."""
        behaviour = torch.tensor([float(candidate.note["log_prob"]) for candidate in batch])
        ppo = self.settings.algorithm == "ppo"
        for _ in range(self.settings.ppo_steps if ppo else 1):
            log_probs, entropies = self.controller.log_prob([candidate.architecture.answers for candidate in batch])
            loss = (
                ppo_loss(log_probs, advantages, behaviour, self.settings.clip)
                if ppo
                else reinforce_loss(log_probs, advantages, behaviour)
            )
            self.optimizer.zero_grad()
            torch.autograd.backward(loss - self.settings.entropy * entropies.mean())
            self.optimizer.step()
