"""ENAS: an LSTM controller samples the architectures that train the shared weights, and is itself trained by REINFORCE."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

from archwright.one_shot.method import OneShotMethod, check_options

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.one_shot.controllers.controller_search import ControllerSearch
    from archwright.one_shot.supernet.search_context import Search, SearchContext


@dataclass(frozen=True)
class ENAS(OneShotMethod):
    """ENAS: shared weights and an LSTM controller are trained in alternation (Pham et al. 2018, arXiv:1802.03268, section 2.2).

    Shared weights (omega): after `weight_steps` steps, each on the mean loss of `samples` sampled architectures (M, eq. 1), the
    controller (theta) makes `controller_steps` REINFORCE updates, each from `controller_samples` sampled architectures. Their
    reward is the accuracy on a batch of held-out training rows (`reward.py`); the weights are trained on `weight_share` of the
    rows. The baseline is a moving average of the rewards with `baseline_decay`. The controller is an LSTM of `hidden` units, its
    logits scaled by `temperature` and `tanh_constant`, trained by Adam with `controller_learning_rate`. `entropy`: weight of the
    entropy bonus. In spaces that declare their skip connections, a KL divergence with weight `skip_weight` draws the probability of
    a skip towards `skip_probability` (rho). At the end, `derive` architectures are sampled and compared on one held-out batch. If
    unset, a phase of weight training is an epoch, or a fiftieth of the search if that is less, and the controller then samples
    twice as many architectures as the phase has steps.
    Differs: the paper's controller makes 2,000 updates per epoch, each from one architecture; our searches take minutes, so it has
    a higher learning rate (`controller_rate.py`) and learns from several architectures per update, as in the authors' code. The
    weight of the entropy is between those of section 3.1 (0.0001) and 3.2 (0.1). The learning rate of the weights follows one
    cosine, not several, without Nesterov momentum. With several `derived_candidates`, they are the best of the derived
    architectures and of the most probable ones during the search.
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

    paper: ClassVar[str] = "pham2018"
    augments_held_out_rows: ClassVar[bool] = False

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

    def step(self, search: ControllerSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The two interleaving phases of section 2.2: steps of the weights, and then some of the controller."""
        trained = self.weight_step(search, x, y)
        if search.phases.due(search.step.number):
            for _ in range(search.phases.controller_steps):
                self.controller_step(search)
        return trained

    def weight_step(self, search: ControllerSearch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """omega descends the mean gradient of L(m_i; omega) over M samples m_i of the policy pi(m; theta) (eq. 1)."""
        return search.train_weights(x, y, search.sample(self.samples, "weights"))

    def controller_step(self, search: ControllerSearch) -> None:
        """theta ascends the expected gain under pi(m; theta), by REINFORCE; the reward of each sample is on a batch of its own."""
        sampled = search.sample(self.controller_samples, "controller")
        first = search.controller_step.number * self.controller_samples
        search.train_controller(sampled, search.rewards(sampled, range(first, first + self.controller_samples)))

    def gain(self, reward: Tensor, entropy: Tensor, skip_divergence: Tensor) -> Tensor:
        """(N,): the quantity whose expectation the controller maximizes, for N sampled architectures.

        reward, entropy (of the answers), skip_divergence (of skip connections from their prior): (N,).
        """
        return reward + self.entropy * entropy - self.skip_weight * skip_divergence

    def begin(self, context: SearchContext) -> Search:
        from archwright.one_shot.controllers.controller_search import ControllerSearch

        return ControllerSearch(self, context)

    @property
    def share_for_weights(self) -> float:
        return self.weight_share
