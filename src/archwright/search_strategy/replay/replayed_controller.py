"""A controller rebuilt from the history: initial weights follow from the settings, updates from the results in order."""

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
from archwright.search_strategy.controllers.lstm_controller import Controller, SampledArchitecture
from archwright.search_strategy.controllers.policy_gradient import moving_averages, ppo_loss, reinforce_loss
from archwright.search_strategy.reinforce import rewards_of

if TYPE_CHECKING:
    from archwright.search_strategy.reinforce import Reinforce

REWARD_WINDOW = 200
"""The latest results, from which baseline and deviation are computed; with the papers' decay older ones have no weight."""


class ReplayedController:
    """The controller of `settings`, updated with the results in `learned_from`."""

    def __init__(self, space: SearchSpace, settings: Reinforce, batch: int) -> None:
        self.space = space
        self.settings = settings
        self.batch = batch
        self.learned_from: list[Candidate] = []
        self.controller = Controller(space.questions(), settings.hidden, settings.temperature, settings.tanh_constant)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=settings.learning_rate)

    def can_catch_up(self, space: SearchSpace, results: Sequence[Candidate]) -> bool:
        """Whether `catch_up` can update this controller: the results must start with those it has learned from."""
        return space == self.space and self.learned_from == results[: len(self.learned_from)]

    def catch_up(self, results: Sequence[Candidate]) -> None:
        """Updates the controller with the full batches of new results."""
        while len(self.learned_from) + self.batch <= len(results):
            seen = results[: len(self.learned_from) + self.batch]
            self._learn(seen[-self.batch :], self._advantages(seen)[-self.batch :])
            self.learned_from = list(seen)

    @torch.no_grad()
    def sample(self, decide: Decide, rng: Random) -> SampledArchitecture:
        """An architecture sampled from the controller in its current state."""
        return self.controller.sample(decide, rng)

    def _advantages(self, seen: Sequence[Candidate]) -> Tensor:
        """(R,), of the latest results: reward minus baseline, divided by the standard deviation of the rewards."""
        rewards = rewards_of(seen, max(REWARD_WINDOW, self.batch))
        baselines = moving_averages(rewards, self.settings.baseline_decay)
        scale = pstdev(rewards) or 1.0
        return torch.tensor([(reward - baseline) / scale for reward, baseline in zip(rewards, baselines, strict=True)])

    def _learn(self, batch: Sequence[Candidate], advantages: Tensor) -> None:
        """One update by REINFORCE, or several by PPO."""
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
