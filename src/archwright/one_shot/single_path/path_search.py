"""Single-path search: uniformly sampled paths train the shared weights, then the best architecture is searched for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import Any

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.method import FoundArchitecture, PathMethod
from archwright.one_shot.monitoring.monitors import monitored
from archwright.one_shot.single_path.path_training import PathTraining
from archwright.one_shot.supernet.search_context import Conclusion, SearchContext, StepNumber

AVERAGED_ARCHITECTURES = 256
"""Architectures sampled to estimate the expected gates of uniform sampling."""


class PathSearch:
    """Each step trains one architecture sampled uniformly from the space (Guo et al. 2020, arXiv:1904.00420, section 3.2)."""

    def __init__(self, method: PathMethod, context: SearchContext) -> None:
        self.method, self.context = method, context
        self.training = PathTraining(method, context)
        self.step = StepNumber(context.seed)
        self.done = 0.0

    @property
    def saved(self) -> Mapping[str, Any]:
        return {"supernet": self.context.supernet, "weight_optimizer": self.training.update.optimizer, "step": self.step}

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        self.done = done
        trained = self.training(x, y, [self._sample("weights")], done)
        self.step.number += 1
        return trained

    def record(self) -> Mapping[str, float]:
        monitored_values = monitored(self.context.supernet.mixture, self.expected.cpu())
        return {"learning_rate": self.training.update.rate(self.done), **monitored_values}

    @property
    def stopped(self) -> str:
        return ""

    @cached_property
    def expected(self) -> Tensor:
        rng = Random(0)
        gates = [self.context.gates_of(self.context.space.sample(rng)) for _ in range(AVERAGED_ARCHITECTURES)]
        return torch.stack(gates).mean(dim=0)

    @property
    def mixture_gates(self) -> None:
        return None

    @property
    def is_learning(self) -> bool:
        return False

    def snapshot(self) -> Architecture:
        return self._sample("snapshot")

    def end_epoch(self) -> None:
        pass

    def conclude(self, evaluations: int) -> Conclusion:
        rng = self.step.random("find")
        found = self.method.find(self.context.space, self.context.score_of, evaluations, rng)
        others = [FoundArchitecture(architecture, score, 0.0) for architecture, score in found[1:]]
        return Conclusion(found[0][0], self.method.looks_by, None, others, ())

    def _sample(self, purpose: str) -> Architecture:
        return self.context.space.sample(self.step.random(purpose))
