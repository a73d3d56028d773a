"""What a one-shot method is: how the gates of a supernet are determined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeGuard

from archwright.architecture.architecture import Architecture
from archwright.one_shot.options import Discretization
from archwright.papers import Cited
from archwright.search_space import SearchSpace

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from archwright.one_shot.gradient_based.alphas import Alphas

Score = Callable[[Architecture], float]
"""Scores an architecture by its validation metric with the shared weights, turned so that higher is better."""


@dataclass(frozen=True)
class FoundArchitecture:
    """An architecture that a search has found, its shared-weight score, and the epoch when it was found."""

    architecture: Architecture
    score: float
    epoch: float


class OneShotMethod(Protocol):
    """A frozen dataclass of settings whose first docstring line names the paper; see `options.py` for their meaning."""

    paper: ClassVar[Cited]

    @property
    def epochs(self) -> int | None: ...
    @property
    def derived_candidates(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def least_learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def gradient_clip(self) -> float: ...
    @property
    def partial_channels(self) -> int: ...
    @property
    def auxiliary_skip(self) -> bool: ...


class GradientMethod(OneShotMethod, Protocol):
    """A gradient-based method: gates are a function of the alphas, which are learned by gradient descent."""

    edge_normalisation: ClassVar[bool]
    second_order: ClassVar[bool]
    published_alpha_rate: ClassVar[float]
    alpha_betas: ClassVar[tuple[float, float]]

    @property
    def single_level(self) -> bool: ...
    @property
    def weight_share(self) -> float: ...
    @property
    def warmup(self) -> float: ...
    @property
    def alpha_learning_rate(self) -> float | None: ...
    @property
    def alpha_weight_decay(self) -> float: ...
    @property
    def discretization(self) -> Discretization: ...
    @property
    def entropy(self) -> float: ...
    @property
    def l1(self) -> float: ...
    @property
    def patience(self) -> int: ...

    def gates(self, alphas: Alphas, done: float, draw: Generator) -> Tensor:
        """The gates (edges, most candidates) of one step, at the fraction `done` of the search; `draw` is the step's generator."""
        ...

    def expected(self, alphas: Alphas) -> Tensor:
        """The expected gates, with which the supernet is validated and discretized."""
        ...

    def temperature(self, done: float) -> float | None:
        """The temperature at the fraction `done` of the search; None if the method has none."""
        ...


class PathMethod(OneShotMethod, Protocol):
    """A single-path method: each step trains one uniformly sampled path; the best architecture is searched for afterwards."""

    published_evaluations: ClassVar[int]

    @property
    def evaluations(self) -> int | None: ...

    @property
    def looks_by(self) -> str:
        """One word for how the best architecture is searched for."""
        ...

    def find(self, space: SearchSpace, score: Score, evaluations: int, rng: Random) -> Sequence[tuple[Architecture, float]]:
        """Architectures with their scores, the best first, after at most `evaluations` calls of `score`."""
        ...


class ControllerMethod(OneShotMethod, Protocol):
    """A controller samples the paths that are trained, and learns from their rewards; see `enas.py`."""

    @property
    def weight_share(self) -> float: ...
    @property
    def samples(self) -> int: ...
    @property
    def weight_steps(self) -> int | None: ...
    @property
    def controller_steps(self) -> int | None: ...
    @property
    def controller_samples(self) -> int: ...
    @property
    def controller_learning_rate(self) -> float | None: ...
    @property
    def baseline_decay(self) -> float: ...
    @property
    def hidden(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def tanh_constant(self) -> float: ...
    @property
    def skip_probability(self) -> float: ...
    @property
    def derive(self) -> int: ...

    def gain(self, reward: Tensor, entropy: Tensor, skip_divergence: Tensor) -> Tensor:
        """(N,): the quantity whose expectation the controller maximizes, for N sampled architectures.

        reward, entropy (of the answers), skip_divergence (of skip connections from their prior): (N,).
        """
        ...


KINDS = ("gates", "find", "gain")
"""The method that identifies each kind: gradient-based, single-path, controller."""


def is_one_shot_class(cls: object) -> bool:
    """Whether it is a one-shot method class of any kind."""
    return isinstance(cls, type) and any(hasattr(cls, kind) for kind in KINDS)


def learns_by_gradient(method: OneShotMethod) -> TypeGuard[GradientMethod]:
    """Whether the method has alphas; otherwise it trains single paths."""
    return hasattr(method, "gates")


def has_controller(method: OneShotMethod) -> TypeGuard[ControllerMethod]:
    """Whether a controller samples the single paths that are trained."""
    return hasattr(method, "gain")
