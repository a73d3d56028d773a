"""The settings that one-shot methods share, so that each method's file shows only what is specific to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal

from archwright.settings import check_settings

Discretization = Literal["argmax", "perturbation", "progressive"]


@dataclass(frozen=True)
class WeightOptions:
    """How a supernet's weights are trained, as in Liu, Simonyan & Yang 2019, arXiv:1806.09055, appendix A.1.

    `epochs`: if None, they follow from the budget. `derived_candidates`: how many architectures are trained from scratch
    afterwards. SGD with `momentum`; the learning rate follows a cosine from `learning_rate` to `least_learning_rate`; gradients are
    clipped to the norm `gradient_clip`.
    """

    epochs: int | None = None
    derived_candidates: int = 3
    learning_rate: float = 0.025
    least_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0


TEXT: Mapping[str, float] = {"learning_rate": 20.0, "momentum": 0.0, "weight_decay": 5e-7, "gradient_clip": 0.25}
"""Other defaults for text: those for recurrent cells in appendix A.1.2 of the same paper, and the gradient clipping of Merity et
al. 2018, arXiv:1708.02182, on whose training it is based."""


FORMER_NAMES = {"hands_over": "derived_candidates"}
"""Settings by their former names, so that runs started with these can be resumed."""


@dataclass(frozen=True)
class GradientOptions(WeightOptions):
    """How the alphas are learned by gradient descent, and how they are discretized; the defaults are those of DARTS.

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
    second_order: ClassVar[bool] = False


@dataclass(frozen=True)
class PathOptions(WeightOptions):
    """Settings of methods that train one path at a time and search for the best architecture afterwards.

    `evaluations`: how many architectures are scored with the shared weights; if unset, 20 per epoch, at most as many as in the
    paper.
    """

    evaluations: int | None = None

    partial_channels: ClassVar[int] = 1
    auxiliary_skip: ClassVar[bool] = False
    published_evaluations: ClassVar[int] = 1000


RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("epochs", "derived_candidates", "evaluations", "partial_channels"), (1, inf)),
    **dict.fromkeys(("learning_rate", "least_learning_rate", "weight_decay", "gradient_clip"), (0.0, inf)),
    **dict.fromkeys(("alpha_learning_rate", "alpha_weight_decay", "entropy", "l1", "patience"), (0.0, inf)),
    **dict.fromkeys(("momentum", "warmup"), (0.0, 1.0)),
    "weight_share": (0.05, 0.95),
}


def check_options(method: Any, name: str, **ranges: tuple[float, float]) -> None:
    """Checks the types and ranges of a method's settings, for its __post_init__. Raises UnknownSetting."""
    known = {key: bounds for key, bounds in RANGES.items() if key in type(method).__dataclass_fields__}
    check_settings(method, f"strategy {name!r}", **known, **ranges)
