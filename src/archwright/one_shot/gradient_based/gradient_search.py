"""Gradient-based search: updates of alphas and weights alternate (Liu et al. 2019, arXiv:1806.09055, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.data.problem import as_score
from archwright.network.supernet import Choice, Mixture
from archwright.one_shot.discretization.argmax import argmax_choice
from archwright.one_shot.discretization.perturbation import Score, perturbation_choice
from archwright.one_shot.discretization.progressive import ProgressiveDecisions
from archwright.one_shot.gradient_based.alpha_rate import alpha_rate
from archwright.one_shot.gradient_based.alphas import Alphas
from archwright.one_shot.gradient_based.auxiliary_skip import auxiliary_skip_weight, without_auxiliary_skip
from archwright.one_shot.gradient_based.regularization import connection_mask, connection_norm, mean_entropy
from archwright.one_shot.gradient_based.second_order import second_order_gradient
from archwright.one_shot.method import GradientMethod
from archwright.one_shot.monitoring.monitors import monitored, search_notes, skip_share
from archwright.one_shot.monitoring.rank_stability import RankStability
from archwright.one_shot.supernet.averaged_gradients import Gradients, averaged_gradients
from archwright.one_shot.supernet.search_context import Conclusion, SearchContext, StepNumber
from archwright.one_shot.supernet.weight_update import WeightUpdate
from archwright.ops.carried_state import own_stream
from archwright.train.batches import Batches
from archwright.train.loss import Loss


class GradientSearch:
    """Each step updates the alphas on a batch of their own rows, except during warm-up, and then the weights on a batch of theirs.

    Alphas are initialised from PyTorch's global generator. If the context has no batches for them, they learn from the weights'
    batches, in the same backward pass.
    """

    def __init__(self, method: GradientMethod, context: SearchContext) -> None:
        self.method, self.context = method, context
        self.mixture: Mixture = context.supernet.mixture
        self.alphas = Alphas(self.mixture, edge_normalisation=method.edge_normalisation).to(context.device)
        self.update = WeightUpdate(method, context.supernet)
        self.alpha_optimizer = torch.optim.Adam(
            self.alphas.parameters(),
            lr=alpha_rate(method, context.steps),
            betas=method.alpha_betas,
            weight_decay=method.alpha_weight_decay,
        )
        self.decisions = ProgressiveDecisions(self.mixture).to(context.device)
        self.stability = RankStability(self.mixture, method.patience)
        self.step = StepNumber(context.seed)
        self.differentiate = averaged_gradients(context.process_group)
        self.done = 0.0
        self._connections = connection_mask(self.mixture).to(context.device) if method.l1 else None
        self._start = self.expected.clone()

    @property
    def saved(self) -> Mapping[str, Any]:
        return {
            "supernet": self.context.supernet,
            "alphas": self.alphas,
            "weight_optimizer": self.update.optimizer,
            "alpha_optimizer": self.alpha_optimizer,
            "decisions": self.decisions,
            "stability": self.stability,
            "step": self.step,
        }

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        self._set_progress(done)
        if self.is_learning and self.context.alpha_batches is not None:
            self._step_alphas(self._alpha_gradients(x, y, self.context.alpha_batches))
        loss, output = self._step_weights(x, y, jointly=self.is_learning and self.context.alpha_batches is None)
        self.step.number += 1
        return loss, output

    def _set_progress(self, done: float) -> None:
        """Sets everything that depends on the fraction of the search that is done."""
        self.done = done
        if self.method.auxiliary_skip:
            self.context.supernet.auxiliary_skip = auxiliary_skip_weight(done)
        if self.method.discretization == "progressive" and self.is_learning:
            warmup = self.method.warmup
            self.decisions.catch_up(self.expected, (done - warmup) / (1 - warmup) if warmup < 1 else 0.0)

    def _step_weights(self, x: Tensor, y: Tensor, *, jointly: bool) -> tuple[Tensor, Tensor]:
        """Updates the weights, and also the alphas if they learn from the same batch."""
        alphas = list(self.alphas.parameters()) if jointly else []
        gates = self._gates("weights")
        output = self.context.supernet(x, gates if jointly else gates.detach())
        loss = self.context.loss(output, y)
        gradients = self.differentiate(loss + self._penalty() if jointly else loss, [*alphas, *self.update.weights])
        if jointly:
            self._step_alphas(gradients[: len(alphas)])
        self.update(gradients[len(alphas) :], self.done)
        return loss.detach(), output.detach()

    def _alpha_gradients(self, x: Tensor, y: Tensor, batches: Batches) -> Gradients:
        """On a batch of the alphas' rows; second order also unrolls a step of the weights on this step's batch (x, y)."""
        x_alpha, y_alpha = batches.batch(self.step.number)
        alphas = list(self.alphas.parameters())
        if not self.method.second_order:
            return self.differentiate(self._loss(self.context.alpha_loss, x_alpha, y_alpha) + self._penalty(), alphas)
        return list(
            second_order_gradient(
                lambda: self._loss(self.context.loss, x, y),
                lambda: self._loss(self.context.alpha_loss, x_alpha, y_alpha) + self._penalty(),
                self.update.weights,
                alphas,
                self.update.rate(self.done),
                self.differentiate,
                self.update.momentum_and_weight_decay(),
            )
        )

    def _step_alphas(self, gradients: Gradients) -> None:
        """Updates the alphas by Adam."""
        for parameter, gradient in zip(self.alphas.parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.alpha_optimizer.step()
        self.alpha_optimizer.zero_grad(set_to_none=True)

    def _loss(self, loss: Loss, x: Tensor, y: Tensor) -> Tensor:
        with own_stream(self.context.supernet):
            return loss(self.context.supernet(x, self._gates("alphas")), y)

    def _gates(self, purpose: str) -> Tensor:
        return self.decisions.gates(self.method.gates(self.alphas, self.done, self.step.generator(purpose)))

    def _penalty(self) -> Tensor:
        gates = self.decisions.gates(self.method.expected(self.alphas))
        penalty = gates.new_zeros(())
        if self.method.entropy:
            penalty = penalty + self.method.entropy * mean_entropy(gates)
        if self._connections is not None:
            penalty = penalty + self.method.l1 * connection_norm(gates, self._connections)
        return penalty

    def record(self) -> Mapping[str, float]:
        temperature = self.method.temperature(self.done)
        return {
            "learning_rate": self.update.rate(self.done),
            **({} if temperature is None else {"temperature": temperature}),
            **monitored(self.mixture, self.expected.cpu()),
            "skip_share": skip_share(self._choice()),
        }

    @property
    def stopped(self) -> str:
        return self.stability.stop_reason

    @property
    def expected(self) -> Tensor:
        with torch.no_grad():
            return self.decisions.gates(self.method.expected(self.alphas)).detach()

    @property
    def mixture_gates(self) -> Tensor:
        return self.expected

    @property
    def is_learning(self) -> bool:
        return self.done >= self.method.warmup

    def snapshot(self) -> Architecture:
        architecture: Architecture = self.context.supernet.architecture_of(self._choice())
        return architecture

    def end_epoch(self) -> None:
        if self.is_learning:
            self.stability.observe(self.expected)

    def conclude(self, evaluations: int) -> Conclusion:
        with without_auxiliary_skip(self.context.supernet):
            choice = self._perturbation_choice() if self.method.discretization == "perturbation" else self._choice()
            supernet_score = self.context.score(self.expected)[self.context.metric]
        return Conclusion(
            self.context.supernet.architecture_of(choice),
            self.method.discretization,
            supernet_score,
            (),
            search_notes(choice, self._start, self.expected),
        )

    def _choice(self) -> Choice:
        if self.method.discretization == "progressive":
            return self.decisions.completed_choice(self.expected)
        return argmax_choice(self.mixture, self.expected)

    def _perturbation_choice(self) -> Choice:
        """BatchNorm is not recalibrated, as in the paper, so that scores differ only by the candidate removed."""

        def score_of(gates: Tensor) -> Score:
            metrics = self.context.score(gates, recalibrate=False)
            return as_score(self.context.metric, metrics[self.context.metric]), -metrics["loss"]

        return perturbation_choice(self.mixture, self.expected, score_of, self.step.random("perturbation"))
