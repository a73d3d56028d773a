"""A search with shared weights while it runs: a step for the training loop, and what is asked of it between epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from archwright.architecture.architecture import Architecture
from archwright.data.problem import as_score
from archwright.one_shot.controllers.reward import Reward
from archwright.one_shot.gradient_based.auxiliary_skip import without_auxiliary_skip
from archwright.one_shot.method import Found
from archwright.one_shot.supernet.shared_weight_score import SharedWeightScore
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.search_space import SearchSpace
from archwright.train.batches import Batches
from archwright.train.loss import Loss
from archwright.train.training_loop import Step


@dataclass(frozen=True, eq=False)
class SearchContext:
    """All that a search works on. `supernet`: an nn.Module and a `Supernet`. `score`: of any gates.

    `alpha_batches`: of other rows than the weights' batches, which the training loop brings, for alphas or a controller; None where
    there are neither, or alphas learn from the weights' batches. `loss`: of a batch of the weights', `alpha_loss`: of the others.
    `reward`: of an output on such a batch. `metric`: the name of the validation metric that decides. `steps`: how many there are to
    be, and `steps_per_epoch`. `process_group`: the processes that search together, each with its part of the batches.
    """

    supernet: Any
    space: SearchSpace
    loss: Loss
    alpha_loss: Loss
    score: SharedWeightScore
    metric: str
    reward: Reward
    steps: int
    steps_per_epoch: int
    alpha_batches: Batches | None
    seed: int
    device: torch.device
    process_group: ProcessGroup = SINGLE_PROCESS

    def metrics_of(self, architecture: Architecture) -> Mapping[str, float]:
        """The architecture's validation metrics with the shared weights, as if it were extracted."""
        with without_auxiliary_skip(self.supernet):
            return self.score(self.gates_of(architecture))

    def score_of(self, architecture: Architecture) -> float:
        """The one of `metrics_of` that decides, turned so that higher is better."""
        return as_score(self.metric, self.metrics_of(architecture)[self.metric])

    def gates_of(self, architecture: Architecture) -> Tensor:
        """Its one-hot gates, (edges, most candidates), on the supernet's device."""
        gates: Tensor = self.supernet.gates_of(architecture).to(self.device)
        return gates


@dataclass(frozen=True)
class Conclusion:
    """What a search comes to: its own last word, what else it has found, and how.

    `supernet_score`: of the trained mixture, None where no mixture was trained. `method`: of discretization, or of looking.
    """

    architecture: Architecture
    method: str
    supernet_score: float | None
    others: Sequence[Found]
    notes: Sequence[str]


class Search(Step, Protocol):
    """The step of a search (see `train/training_loop.py`), which also answers between epochs."""

    @property
    def stopped(self) -> str:
        """Why it has come to an end by itself, in words; empty while it has not."""
        ...

    @property
    def expected(self) -> Tensor:
        """The gates as they are on average, (edges, most candidates), without a gradient."""
        ...

    @property
    def mixture_gates(self) -> Tensor | None:
        """The gates under which the supernet as a whole is validated; None where no mixture is trained."""
        ...

    @property
    def counts(self) -> bool:
        """Whether snapshots already say anything: not before alphas have moved."""
        ...

    def snapshot(self) -> Architecture:
        """The architecture that the search would now come to."""
        ...

    def epoch_ends(self) -> None:
        """To be called once at the end of each epoch."""
        ...

    def conclude(self, evaluations: int) -> Conclusion:
        """After the training; of so many scorings at most, where that can be chosen. The same each time it is asked."""
        ...


class StepNumber:
    """How many steps a search has done, which seeds what is drawn in the next one: the same after a resume, in every process."""

    def __init__(self, seed: int) -> None:
        self.seed, self.number = seed, 0

    def generator(self, purpose: str) -> Generator:
        """PyTorch's random numbers of this step, for one purpose."""
        return Generator().manual_seed(self.random(purpose).getrandbits(63))

    def random(self, purpose: str) -> Random:
        """Python's random numbers of this step, for one purpose."""
        return Random(f"{self.seed}/{purpose}/{self.number}")

    def state_dict(self) -> Mapping[str, int]:
        return {"number": self.number}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """What `state_dict` gave."""
        self.number = state["number"]
