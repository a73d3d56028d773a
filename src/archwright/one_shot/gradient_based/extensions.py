"""What the options of a gradient-based method add to its steps, from outside: penalties, DARTS-, discretization, early stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from archwright.data.problem import as_score
from archwright.network.supernet import Choice
from archwright.one_shot.discretization.argmax import argmax_choice
from archwright.one_shot.discretization.perturbation import Score, perturbation_choice
from archwright.one_shot.discretization.progressive import ProgressiveDecisions
from archwright.one_shot.gradient_based.auxiliary_skip import auxiliary_skip_weight
from archwright.one_shot.gradient_based.regularization import Penalty, penalties_of
from archwright.one_shot.method import GradientMethod
from archwright.one_shot.monitoring.rank_stability import RankStability
from archwright.one_shot.supernet.search_context import SearchContext

if TYPE_CHECKING:
    from archwright.one_shot.gradient_based.gradient_search import GradientSearch


@dataclass(frozen=True, eq=False)
class Extensions:
    """The options of a search as small parts.

    `penalties`: terms of the alphas' loss. `before_step`: called before each step. `constrain`: the gates, with the decisions that
    have been taken. `choice`: what would be kept of these gates now; `final_choice`: after the training, for which the mixture is
    scored `mixture_scores` times. `saved`: what has a state.
    """

    penalties: Sequence[Penalty]
    before_step: Sequence[Callable[[GradientSearch], None]]
    constrain: Callable[[Tensor], Tensor]
    choice: Callable[[Tensor], Choice]
    final_choice: Callable[[GradientSearch], Choice]
    mixture_scores: int
    stability: RankStability
    saved: Mapping[str, Any]


def extensions_of(method: GradientMethod, context: SearchContext) -> Extensions:
    """Those that a method's options ask for."""
    mixture = context.supernet.mixture
    decisions = ProgressiveDecisions(mixture).to(context.device)
    stability = RankStability(mixture, method.patience)
    progressive, perturbation = (method.discretization == name for name in ("progressive", "perturbation"))
    choice = decisions.completed_choice if progressive else partial(argmax_choice, mixture)
    before_step: list[Callable[[GradientSearch], None]] = [fade_auxiliary_skip] if method.auxiliary_skip else []
    if progressive:
        before_step.append(partial(decide_what_is_due, decisions))
    return Extensions(
        penalties=penalties_of(method.entropy, method.l1, mixture, context.device),
        before_step=before_step,
        constrain=decisions.gates if progressive else lambda gates: gates,
        choice=choice,
        final_choice=most_missed_choice if perturbation else lambda search: choice(search.expected),
        mixture_scores=int(mixture.mask.sum()) if perturbation else 1,
        stability=stability,
        saved={"decisions": decisions, "stability": stability},
    )


def fade_auxiliary_skip(search: GradientSearch) -> None:
    """DARTS-: sets the weight of the auxiliary skip connections."""
    search.context.supernet.auxiliary_skip = auxiliary_skip_weight(search.done)


def decide_what_is_due(decisions: ProgressiveDecisions, search: GradientSearch) -> None:
    """SGAS: makes the decisions that are due at this fraction of the search after its warm-up."""
    warmup = search.method.warmup
    if search.is_learning:
        decisions.catch_up(search.expected, (search.done - warmup) / (1 - warmup) if warmup < 1 else 0.0)


def most_missed_choice(search: GradientSearch) -> Choice:
    """By perturbation. BatchNorm is not recalibrated, as in the paper, so that scores differ only by the candidate removed."""
    context = search.context

    def score_of(gates: Tensor) -> Score:
        metrics = context.score(gates, recalibrate=False)
        return as_score(context.metric, metrics[context.metric]), -metrics["loss"]

    return perturbation_choice(context.supernet.mixture, search.expected, score_of, search.step.random("perturbation"))
