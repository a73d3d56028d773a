"""A running one-shot search: a step for the training loop, and what is called between epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from archwright.architecture.architecture import Architecture
from archwright.data.problem import as_score
from archwright.one_shot.controllers.reward import Reward
from archwright.one_shot.gradient_based.auxiliary_skip import without_auxiliary_skip
from archwright.one_shot.monitoring.search_log import SearchLog
from archwright.one_shot.supernet.found_architectures import Conclusion
from archwright.one_shot.supernet.shared_weight_score import SharedWeightScore
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.search_space import SearchSpace
from archwright.train.batches import Batches
from archwright.train.loss import Loss
from archwright.train.training_loop import Step


@dataclass(frozen=True, eq=False)
class SearchContext:
    """Everything that a search works on. `supernet`: an nn.Module and a `Supernet`. `score`: validation metrics under given gates.

    `alpha_batches`: batches of the rows held out for the alphas or the controller (the training loop supplies the weights'
    batches); None if there are neither, or if the alphas learn from the weights' batches. `loss`: on a batch of the weights;
    `alpha_loss` and `reward`: on a held-out batch. `metric`: the name of the validation metric that decides. `steps`: planned for
    the whole search. `search_log`: of its epochs, for the report. `process_group`: the processes that train the supernet together,
    each with its part of the batches.
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
    search_log: SearchLog
    process_group: ProcessGroup = SINGLE_PROCESS

    @property
    def saved(self) -> Mapping[str, Any]:
        """What every search saves in its checkpoint."""
        return {"supernet": self.supernet, "diary": self.search_log}

    def metrics_of(self, architecture: Architecture) -> Mapping[str, float]:
        """The architecture's validation metrics with the shared weights, as if it had been extracted."""
        with without_auxiliary_skip(self.supernet):
            return self.score(self.gates_of(architecture))

    def score_of(self, architecture: Architecture) -> float:
        """The deciding metric of `metrics_of`, turned so that higher is better."""
        return as_score(self.metric, self.metrics_of(architecture)[self.metric])

    def gates_of(self, architecture: Architecture) -> Tensor:
        """The one-hot gates of an architecture, (edges, most candidates), on the supernet's device."""
        gates: Tensor = self.supernet.gates_of(architecture).to(self.device)
        return gates


@dataclass(frozen=True)
class Snapshot:
    """How a search stands after an epoch: the architecture that it would conclude with now, and its expected gates.

    `mixture_gates`: those under which the supernet as a whole is validated; None if no mixture is trained. `counts`: whether the
    search has learned which architectures are good.
    """

    architecture: Architecture
    expected: Tensor
    mixture_gates: Tensor | None = None
    counts: bool = False


Stopwatch = Callable[[Callable[[], object], torch.device], float]
"""(work, the device it is done on) -> the seconds that it takes."""


@dataclass(frozen=True, eq=False)
class Workload:
    """What takes time in a search, for its schedule.

    `step`: a step of the weights (and alphas) on a batch, halfway through the search. `mixture_gates`: as in a snapshot.
    `mixture_scores`, `path_scores`: how often the mixture and single architectures are scored after the training, besides the
    schedule's evaluations. `other_seconds`: an epoch's time for anything that is neither a step nor a validation.
    """

    step: Callable[[Tensor, Tensor], object]
    mixture_gates: Tensor | None = None
    mixture_scores: int = 0
    path_scores: int = 0
    other_seconds: Callable[[Stopwatch], float] = lambda seconds: 0.0


class Search(Step, Protocol):
    """A search: a step for the training loop (see `train/training_loop.py`), and what is asked of it between epochs."""

    @property
    def stopped(self) -> str:
        """Why the search has stopped early, as a message; empty as long as it has not."""

    def end_epoch(self) -> Snapshot:
        """Called once at the end of each epoch."""

    def conclude(self, evaluations: int) -> Conclusion:
        """The result after training, from at most `evaluations` scored architectures if the method allows it. Deterministic."""

    def workload(self) -> Workload:
        """What takes time in this search."""


class StepNumber:
    """The number of the current step, which seeds its random numbers: the same after a resume, and in every process."""

    def __init__(self, seed: int) -> None:
        self.seed, self.number = seed, 0

    def generator(self, purpose: str) -> Generator:
        """A PyTorch generator for this step and one purpose."""
        return Generator().manual_seed(self.random(purpose).getrandbits(63))

    def random(self, purpose: str) -> Random:
        """A Python generator for this step and one purpose."""
        return Random(f"{self.seed}/{purpose}/{self.number}")

    def state_dict(self) -> Mapping[str, int]:
        return {"number": self.number}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Restores what `state_dict` returned."""
        self.number = state["number"]
