"""Single-path search: uniformly sampled paths train the shared weights, then the best architecture is searched for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import Any

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.method import PathMethod
from archwright.one_shot.monitoring.monitors import monitored
from archwright.one_shot.single_path.path_training import PathTraining
from archwright.one_shot.supernet.found_architectures import Conclusion, FoundArchitecture
from archwright.one_shot.supernet.search_context import SearchContext, Snapshot, StepNumber, Workload

AVERAGED_ARCHITECTURES = 256
"""Architectures sampled to estimate the expected gates of uniform sampling."""


class PathSearch:
    """What the steps of single-path methods (`single_path_uniform.py`) act on: the shared weights and their optimizer."""

    stopped = ""

    def __init__(self, method: PathMethod, context: SearchContext) -> None:
        self.method, self.context = method, context
        self.path_training = PathTraining(method, context)
        self.step, self.done = StepNumber(context.seed), 0.0

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        self.done = done
        trained = self.method.step(self, x, y)
        self.step.number += 1
        return trained

    def sample(self, purpose: str) -> Architecture:
        """An architecture sampled uniformly from the space, with this step's random numbers for the purpose."""
        return self.context.space.sample(self.step.random(purpose))

    def train_weights(self, x: Tensor, y: Tensor, path: Architecture) -> tuple[Tensor, Tensor]:
        """One SGD step of the weights on the path. Returns the loss () and the output (B, outputs), detached."""
        return self.path_training(x, y, [path], self.done)

    @property
    def saved(self) -> Mapping[str, Any]:
        return {**self.context.saved, "weight_optimizer": self.path_training.update.optimizer, "step": self.step}

    def record(self) -> Mapping[str, float]:
        rate = self.path_training.update.rate(self.done)
        return {"learning_rate": rate, **monitored(self.context.supernet.mixture, self.expected.cpu())}

    @cached_property
    def expected(self) -> Tensor:
        rng = Random(0)
        gates = [self.context.gates_of(self.context.space.sample(rng)) for _ in range(AVERAGED_ARCHITECTURES)]
        return torch.stack(gates).mean(dim=0)

    def end_epoch(self) -> Snapshot:
        return Snapshot(self.sample("snapshot"), self.expected)

    def conclude(self, evaluations: int) -> Conclusion:
        rng = self.step.random("find")
        found = self.method.find(self.context.space, self.context.score_of, evaluations, rng)
        others = [FoundArchitecture(architecture, score, 0.0) for architecture, score in found[1:]]
        return Conclusion(found[0][0], self.method.final_search, None, others, ())

    def workload(self) -> Workload:
        return Workload(lambda x, y: self(x, y, 0.5))
