"""The settings that one-shot methods have in common: fields alone, so that each method's file shows only what is its own."""

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

    `epochs`: none follows the budget. `derived_candidates`: how many architectures are trained from scratch afterwards. SGD with
    `momentum`; the rate falls by a cosine from `learning_rate` to `least_learning_rate`; gradients are clipped to the norm
    `gradient_clip`.
    """

    epochs: int | None = None
    derived_candidates: int = 3
    learning_rate: float = 0.025
    least_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0


TEXT: Mapping[str, float] = {"learning_rate": 20.0, "momentum": 0.0, "weight_decay": 5e-7, "gradient_clip": 0.25}
"""What is different where the data are text and nothing else is given: the recurrent cells of the same paper, appendix A.1.2, and
the gradient's norm of Merity et al. 2018, arXiv:1708.02182, whose training it takes over."""


FORMER_NAMES = {"hands_over": "derived_candidates"}
"""Settings that had another name once, by that: runs that were begun with it go on."""


@dataclass(frozen=True)
class GradientOptions(WeightOptions):
    """How alphas are learned by gradients, and what becomes of them; the figures are those of DARTS.

    `weight_share`: the share of the training rows for the weights, the others are for the alphas. `warmup`: the share of the
    training before alphas move. Adam with betas 0.5 and 0.999, `alpha_weight_decay` and `alpha_learning_rate`; unset, it is the
    paper's, but larger where there are fewer steps than in the paper (`alpha_rate.py`). `entropy`, `l1`:
    weights of these regularisers in the alphas' loss. `auxiliary_skip`: a skip connection beside every edge, fading out
    (DARTS-). `patience`: epochs without a change in the order of candidates before the search stops, 0 is never. `single_level`:
    one loss on all training rows for weights and alphas. `partial_channels`: mix only one channel in so many (PC-DARTS).
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
    """Methods that train one path at a time and look for the best afterwards.

    `evaluations`: how many architectures are scored with the shared weights; unset, twenty an epoch, at most the paper's number.
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
    """Checks the settings of a method by their types and ranges, for its __post_init__. Raises UnknownSetting."""
    known = {key: bounds for key, bounds in RANGES.items() if key in type(method).__dataclass_fields__}
    check_settings(method, f"strategy {name!r}", **known, **ranges)
