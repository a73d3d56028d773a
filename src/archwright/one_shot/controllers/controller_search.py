"""Controller-based search: phases of weight training and controller training alternate (Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from statistics import mean
from typing import Any, Literal, cast

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import key_of
from archwright.one_shot.controllers.controller_rate import controller_rate
from archwright.one_shot.controllers.minibatch_mode import minibatch_mode
from archwright.one_shot.controllers.policy import Policy, PolicyUpdate
from archwright.one_shot.enas import ENAS
from archwright.one_shot.monitoring.monitors import monitored
from archwright.one_shot.single_path.path_training import PathTraining
from archwright.one_shot.supernet.found_architectures import RESCORED, Conclusion, FoundArchitecture
from archwright.one_shot.supernet.search_context import SearchContext, Snapshot, StepNumber, Stopwatch, Workload
from archwright.ops.carried_state import begin_stream, carries_state, separate_stream
from archwright.train.batches import Batches

AVERAGED_ARCHITECTURES = 64
"""Architectures sampled from the policy to estimate its expected gates."""
LEAST_PHASES = 50
REWARDS_PER_STEP = 2
"""Rewards per step of the weights. The paper has 2,000 per 352 steps on CIFAR-10, which take longer than the steps."""


@dataclass(frozen=True)
class Phases:
    """The alternating phases: `weight_steps` steps of the weights, then `controller_steps` updates of the controller."""

    weight_steps: int
    controller_steps: int

    @classmethod
    def of(cls, method: ENAS, context: SearchContext) -> Phases:
        """If the method leaves them unset: an epoch, at most a fiftieth of the search, and two rewards per step of the weights."""
        least = ceil(method.controller_samples / REWARDS_PER_STEP)
        weight_steps = method.weight_steps or max(least, min(context.steps_per_epoch, context.steps // LEAST_PHASES))
        updates = round(REWARDS_PER_STEP * weight_steps / method.controller_samples)
        return cls(weight_steps, method.controller_steps or max(1, updates))

    def due(self, step: int) -> bool:
        """Whether the controller is trained after this many steps of the weights."""
        return step % self.weight_steps == 0

    def updates(self, steps: int) -> int:
        """The number of controller updates in a search of `steps` steps of the weights."""
        return steps // self.weight_steps * self.controller_steps


class ControllerSearch:
    """What the step of ENAS acts on: the shared weights (omega), and the policy (theta) that samples what they are trained on."""

    stopped = ""

    def __init__(self, method: ENAS, context: SearchContext) -> None:
        self.method, self.context = method, context
        self.phases = Phases.of(method, context)
        self.path_training = PathTraining(method, context)
        rate = controller_rate(method, self.phases.updates(context.steps))
        self.policy = Policy(method, context.space, rate, context.seed)
        self.step, self.controller_step = StepNumber(context.seed), StepNumber(context.seed)
        self.policy_updates: list[PolicyUpdate] = []
        self.done = 0.0
        self._expected = -1, torch.empty(0)
        self._carries_state = carries_state(context.supernet)

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        if self.step.number % self.context.steps_per_epoch == 0:
            self.policy_updates = []
        self.done = done
        return self.method.step(self, x, y)

    def sample(self, count: int, purpose: Literal["weights", "controller"]) -> list[Architecture]:
        """Architectures from the policy, with the random numbers of the current step of the weights or of the controller."""
        rng = (self.step if purpose == "weights" else self.controller_step).random(purpose)
        return [self.policy.draw(rng)[0] for _ in range(count)]

    def train_weights(self, x: Tensor, y: Tensor, sampled: Sequence[Architecture]) -> tuple[Tensor, Tensor]:
        """One SGD step on the mean loss of the architectures. Returns the loss () and the last output (B, outputs), detached."""
        trained = self.path_training(x, y, sampled, self.done)
        self.step.number += 1
        return trained

    def train_controller(self, sampled: Sequence[Architecture], rewards: Sequence[float]) -> None:
        """One REINFORCE update of the policy."""
        self.policy_updates.append(self.policy.learn(sampled, rewards))
        self.controller_step.number += 1

    @torch.no_grad()
    def rewards(self, architectures: Sequence[Architecture], numbers: Sequence[int]) -> list[float]:
        """The reward of each architecture with the shared weights, on the held-out batch of the given number."""
        supernet, process_group, rewards = self.context.supernet, self.context.process_group, []
        with minibatch_mode(supernet), separate_stream(supernet):
            for architecture, number in zip(architectures, numbers, strict=True):
                if self._carries_state:
                    begin_stream(supernet)
                x, y = cast(Batches, self.context.alpha_batches).batch(number)
                output = supernet(x, self.context.gates_of(architecture))
                rewards.append(self.context.reward(process_group.all_gather(output), process_group.all_gather(y)))
        return rewards

    @property
    def saved(self) -> Mapping[str, Any]:
        return {
            **self.context.saved,
            "weight_optimizer": self.path_training.update.optimizer,
            "policy": self.policy,
            "step": self.step,
            "update": self.controller_step,
        }

    def record(self) -> Mapping[str, float]:
        monitored_values = monitored(self.context.supernet.mixture, self.expected.cpu())
        return {"learning_rate": self.path_training.update.rate(self.done), **monitored_values, **self._controller_record()}

    def _controller_record(self) -> dict[str, float]:
        """Means over the controller updates of this epoch; empty if there were none."""
        if not self.policy_updates:
            return {}
        names = {"reward": "reward", "baseline": "baseline", "controller_entropy": "entropy"}
        if self.context.space.skips():
            names["skip_divergence"] = "skip_divergence"
        return {key: mean(getattr(update, name) for update in self.policy_updates) for key, name in names.items()}

    @property
    def expected(self) -> Tensor:
        if self._expected[0] != self.controller_step.number:
            self._expected = self.controller_step.number, self.mean_gates()
        return self._expected[1]

    def mean_gates(self) -> Tensor:
        """The mean over architectures sampled with the same random numbers each time, so that it changes only with the policy."""
        rng = Random(self.context.seed)
        return torch.stack([self.context.gates_of(self.policy.draw(rng)[0]) for _ in range(AVERAGED_ARCHITECTURES)]).mean(dim=0)

    def end_epoch(self) -> Snapshot:
        return Snapshot(self.policy.most_probable(), self.expected, counts=self.controller_step.number > 0)

    def conclude(self, evaluations: int) -> Conclusion:
        best, *others = self.derive()[: self.method.derived_candidates]
        found = [FoundArchitecture(architecture, self.context.score_of(architecture), 0.0) for architecture in others]
        return Conclusion(best, "policy", None, found, ())

    def derive(self) -> list[Architecture]:
        """Architectures sampled from the policy, each network once, ranked by reward on one batch, then by probability.

        Differs: the batch is from the controller's rows; the validation split only scores the derived candidates.
        """
        rng = self.step.random("derive")
        drawn: dict[str, tuple[Architecture, float]] = {}
        for architecture, log_prob in (self.policy.draw(rng) for _ in range(self.method.derive)):
            drawn.setdefault(key_of(self.context.space, architecture), (architecture, log_prob))
        architectures = [architecture for architecture, _ in drawn.values()]
        rewards = self.rewards(architectures, [self.controller_step.number * self.method.controller_samples] * len(architectures))
        ranked = sorted(zip(rewards, drawn.values(), strict=True), key=lambda pair: (-pair[0], -pair[1][1]))
        return [architecture for _, (architecture, _) in ranked]

    def workload(self) -> Workload:
        scored = self.method.derive + RESCORED
        return Workload(lambda x, y: self.method.weight_step(self, x, y), path_scores=scored, other_seconds=self._other_seconds)

    def _other_seconds(self, seconds: Stopwatch) -> float:
        """The time that an epoch adds: the controller's steps, and the samples for the search log."""
        steps = self.context.steps_per_epoch / self.phases.weight_steps * self.phases.controller_steps
        step_seconds = seconds(lambda: self.method.controller_step(self), self.context.device)
        return steps * step_seconds + seconds(self.mean_gates, torch.device("cpu"))
