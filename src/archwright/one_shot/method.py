"""What a one-shot method is: settings, the step of its algorithm, and what its supernet and its search need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from archwright.architecture.architecture import Architecture
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.papers import Cited
from archwright.search_space import SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas
    from archwright.one_shot.gradient_based.gradient_search import GradientSearch
    from archwright.one_shot.single_path.path_search import PathSearch
    from archwright.one_shot.supernet.search_context import Search, SearchContext

Discretization = Literal["argmax", "perturbation", "progressive"]
Score = Callable[[Architecture], float]
"""Scores an architecture by its validation metric with the shared weights, turned so that higher is better."""

EVALUATIONS_PER_EPOCH, LEAST_EVALUATIONS = 20, 20


@dataclass(frozen=True)
class OneShotMethod(ABC):
    """A method is a frozen dataclass of settings whose first docstring line names the paper. These settings are for the weights.

    A supernet's weights are trained as in Liu, Simonyan & Yang 2019, arXiv:1806.09055, appendix A.1. `epochs`: if None, they follow
    from the budget. `derived_candidates`: how many architectures are trained from scratch afterwards. SGD with `momentum`; the
    learning rate follows a cosine from `learning_rate` to `least_learning_rate`; gradients are clipped to the norm `gradient_clip`.
    """

    epochs: int | None = None
    derived_candidates: int = 3
    learning_rate: float = 0.025
    least_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0

    paper: ClassVar[Cited]
    augments_held_out_rows: ClassVar[bool] = True

    @abstractmethod
    def begin(self, context: SearchContext) -> Search:
        """A search by this method, before its first step."""

    @property
    def share_for_weights(self) -> float:
        """The share of the training rows that the weights learn from. The rest is held out for the alphas or the controller."""
        return 1.0

    def supernet(self, space: SearchSpace, problem: Problem) -> Any:
        """The supernet of a space: an nn.Module and a `Supernet`, initialised from PyTorch's global generator.

        Raises InputError if the space has none, or if a setting of the method does not suit it.
        """
        return space.supernet(problem)

    def evaluations_after(self, epochs: float, most: float = inf) -> int:
        """How many architectures are scored after so many epochs of training. most: how many fit the time."""
        return 0


@dataclass(frozen=True)
class GradientMethod(OneShotMethod):
    """A gradient-based method: gates are a function of the alphas, which learn by gradient descent. The defaults are DARTS's.

    `weight_share`: the fraction of the training rows for the weights; the rest is for the alphas. `warmup`: the fraction of the
    search before the alphas are updated. Adam with betas 0.5 and 0.999, `alpha_weight_decay` and `alpha_learning_rate`; if unset,
    that of the paper, but higher if there are fewer steps than in the paper (`alpha_rate.py`). `entropy`, `l1`: weights of these
    regularisers in the loss of the alphas. `auxiliary_skip`: an auxiliary skip connection on every edge that decays to zero
    (DARTS-). `patience`: the search stops after this many epochs without a change in the ranking of the candidates; 0 is never.
    `single_level`: one loss on all training rows for weights and alphas. `partial_channels`: K of PC-DARTS, where only 1/K of the
    channels goes through the mixed operations.
    """

    weight_share: float = 0.5
    warmup: float = 0.0
    alpha_learning_rate: float | None = None
    alpha_weight_decay: float = 1e-3
    discretization: Discretization = "argmax"
    entropy: float = 0.0
    l1: float = 0.0
    auxiliary_skip: bool = False
    patience: int = 0
    single_level: bool = False
    partial_channels: int = 1

    published_alpha_rate: ClassVar[float] = 3e-4
    alpha_betas: ClassVar[tuple[float, float]] = (0.5, 0.999)
    edge_normalisation: ClassVar[bool] = False

    @abstractmethod
    def step(self, search: GradientSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the search; (x, y) is a batch of the weights' rows. Returns the weights' loss () and output (B, outputs)."""

    def expected(self, alphas: Alphas) -> Tensor:
        """The expected gates (edges, most candidates), with which the supernet is validated and discretized: softmax(alpha)."""
        from archwright.one_shot.gradient_based.relaxation import softmax

        return softmax(alphas.alpha, alphas.mask)

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        """The gates of one step, at the fraction `done` of the search: the expected ones, or a sample by the step's generator."""
        return self.expected(alphas)

    def temperature(self, done: float) -> float | None:
        """The temperature at the fraction `done` of the search; None if the method has none."""
        return None

    def begin(self, context: SearchContext) -> Search:
        from archwright.one_shot.gradient_based.extensions import extensions_of
        from archwright.one_shot.gradient_based.gradient_search import GradientSearch

        return GradientSearch(self, context, extensions_of(self, context))

    @property
    def share_for_weights(self) -> float:
        return 1.0 if self.single_level else self.weight_share

    def supernet(self, space: SearchSpace, problem: Problem) -> Any:
        from archwright.one_shot.gradient_based.regularization import connection_mask

        if (inputs := getattr(space, "inputs", "distinct")) != "distinct":
            raise InputError(
                "a gradient-based search keeps distinct edges into a node, the strongest: "
                f"set space.inputs=distinct, not {inputs!r}"
            )
        supernet = space.supernet(problem, partial_channels=self.partial_channels, auxiliary_skip=self.auxiliary_skip)
        if self.l1:
            connection_mask(supernet.mixture)
        return supernet


@dataclass(frozen=True)
class PathMethod(OneShotMethod):
    """A single-path method: each step trains one path at a time; the best architecture is searched for afterwards.

    `evaluations`: how many architectures are scored with the shared weights; if unset, 20 per epoch, at most as many as in the
    paper. `final_search`: one word for how the best architecture is searched for.
    """

    evaluations: int | None = None

    published_evaluations: ClassVar[int] = 1000
    final_search: ClassVar[str]

    @abstractmethod
    def step(self, search: PathSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the weights on a batch (x, y). Returns the loss () and the output (B, outputs), detached."""

    @abstractmethod
    def find(self, space: SearchSpace, score: Score, evaluations: int, rng: Random) -> Sequence[tuple[Architecture, float]]:
        """Architectures with their scores, the best first, after at most `evaluations` calls of `score`."""

    def begin(self, context: SearchContext) -> Search:
        from archwright.one_shot.single_path.path_search import PathSearch

        return PathSearch(self, context)

    def evaluations_after(self, epochs: float, most: float = inf) -> int:
        if self.evaluations is not None:
            return self.evaluations
        return max(LEAST_EVALUATIONS, int(min(self.published_evaluations, EVALUATIONS_PER_EPOCH * epochs, most)))


TEXT: Mapping[str, float] = {"learning_rate": 20.0, "momentum": 0.0, "weight_decay": 5e-7, "gradient_clip": 0.25}
"""Other defaults for text: those for recurrent cells in appendix A.1.2 of Liu et al. 2019, and the gradient clipping of Merity et
al. 2018, arXiv:1708.02182, on whose training it is based."""

FORMER_NAMES = {"hands_over": "derived_candidates"}
"""Settings by their former names, so that runs started with these can be resumed."""

RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("epochs", "derived_candidates", "evaluations", "partial_channels"), (1, inf)),
    **dict.fromkeys(("learning_rate", "least_learning_rate", "weight_decay", "gradient_clip"), (0.0, inf)),
    **dict.fromkeys(("alpha_learning_rate", "alpha_weight_decay", "entropy", "l1", "patience"), (0.0, inf)),
    **dict.fromkeys(("momentum", "warmup"), (0.0, 1.0)),
    "weight_share": (0.05, 0.95),
}


def check_options(method: OneShotMethod, name: str, **ranges: tuple[float, float]) -> None:
    """Checks the types and ranges of a method's settings, for its __post_init__. Raises UnknownSetting."""
    known = {key: bounds for key, bounds in RANGES.items() if key in type(method).__dataclass_fields__}
    check_settings(method, f"strategy {name!r}", **known, **ranges)
