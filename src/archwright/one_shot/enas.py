"""ENAS: an LSTM controller draws the paths that train the shared weights, and learns by REINFORCE what is worth drawing."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.options import WeightOptions, check_options

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ENAS(WeightOptions):
    """Pham et al. 2018, arXiv:1802.03268, section 2.2: weights and an LSTM controller take turns, by REINFORCE on other rows.

    Weights (omega): after `weight_steps` steps, each on the mean of `samples` (M, eq. 1) drawn architectures, the controller
    (theta) makes `controller_steps` updates, each from `controller_samples` drawn architectures, whose reward is their accuracy on
    a batch of other rows (`reward.py`); the weights have `weight_share` of the rows. Baseline: the rewards' moving average, with
    `baseline_decay`. LSTM of `hidden` units, logits by `temperature` and `tanh_constant`; Adam with `controller_learning_rate`.
    `entropy`: weight of its bonus. Skip connections, where a space says which they are, are drawn towards `skip_probability` (rho)
    by a divergence of `skip_weight`. In the end `derive` architectures are drawn, and compared on one batch of the other rows.
    Unset, a phase of the weights is an epoch, at most a fiftieth of the search, and the controller draws twice as many.
    Differs: the paper's controller makes 2,000 updates of one architecture an epoch; ours is trained for minutes, so it learns
    faster (`controller_rate.py`), and from several at a time, as in the authors' code. The entropy's weight is between those of
    section 3.1 (0.0001) and 3.2 (0.1). The rate of the weights falls once, by a single cosine, without Nesterov's momentum.
    `derived_candidates` several: the best ones of those derived, and what was most probable on the way.
    """

    derived_candidates: int = 1
    learning_rate: float = 0.05
    weight_decay: float = 1e-4
    weight_share: float = 0.9
    samples: int = 1
    weight_steps: int | None = None
    controller_steps: int | None = None
    controller_samples: int = 10
    controller_learning_rate: float | None = None
    baseline_decay: float = 0.95
    hidden: int = 100
    temperature: float = 5.0
    tanh_constant: float = 2.5
    entropy: float = 1e-3
    skip_probability: float = 0.4
    skip_weight: float = 0.8
    derive: int = 10

    paper: ClassVar[str] = "Pham et al. 2018, Efficient neural architecture search via parameter sharing, arXiv:1802.03268"
    partial_channels: ClassVar[int] = 1
    auxiliary_skip: ClassVar[bool] = False

    def __post_init__(self) -> None:
        counts = ("samples", "weight_steps", "controller_steps", "controller_samples", "hidden", "derive")
        positive = ("temperature", "tanh_constant")
        check_options(
            self,
            "enas",
            **dict.fromkeys(counts, (1, inf)),
            **dict.fromkeys(positive, (1e-3, inf)),
            **dict.fromkeys(("controller_learning_rate", "skip_weight"), (0.0, inf)),
            baseline_decay=(0.0, 1.0),
            skip_probability=(0.01, 0.99),
        )

    def gain(self, reward: Tensor, entropy: Tensor, skip_divergence: Tensor) -> Tensor:
        return reward + self.entropy * entropy - self.skip_weight * skip_divergence
