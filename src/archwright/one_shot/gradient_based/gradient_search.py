"""What the steps of gradient-based methods (`darts.py`) act on: alphas and weights, each with its optimizer and its batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
from torch import Tensor

from archwright.one_shot.gradient_based.alpha_rate import alpha_rate
from archwright.one_shot.gradient_based.alphas import Alphas
from archwright.one_shot.gradient_based.auxiliary_skip import without_auxiliary_skip
from archwright.one_shot.gradient_based.extensions import Extensions
from archwright.one_shot.method import GradientMethod
from archwright.one_shot.monitoring.monitors import monitored, search_notes, skip_share
from archwright.one_shot.supernet.averaged_gradients import Gradients, averaged_gradients
from archwright.one_shot.supernet.found_architectures import RESCORED, Conclusion
from archwright.one_shot.supernet.search_context import SearchContext, Snapshot, StepNumber, Workload
from archwright.one_shot.supernet.weight_update import WeightUpdate
from archwright.ops.carried_state import separate_stream
from archwright.train.batches import Batches
from archwright.train.loss import Loss


class GradientSearch:
    """A search whose step is that of its method. Alphas are initialised from PyTorch's global generator.

    `weights`: of the supernet. `extensions`: what the method's options add to its steps, which know nothing of it.
    """

    def __init__(self, method: GradientMethod, context: SearchContext, extensions: Extensions) -> None:
        self.method, self.context, self.extensions = method, context, extensions
        self.alphas = Alphas(context.supernet.mixture, edge_normalisation=method.edge_normalisation).to(context.device)
        self.alpha_optimizer = torch.optim.Adam(
            self.alphas.parameters(),
            lr=alpha_rate(method, context.steps),
            betas=method.alpha_betas,
            weight_decay=method.alpha_weight_decay,
        )
        self.weight_update = WeightUpdate(method, context.supernet)
        self.weights = self.weight_update.weights
        self.gradients = averaged_gradients(context.process_group)
        self.step, self.done = StepNumber(context.seed), 0.0
        self.first_gates = self.expected.clone()

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        self.done = done
        for advance in self.extensions.before_step:
            advance(self)
        loss, output = self.method.step(self, x, y)
        self.step.number += 1
        return loss.detach(), output.detach()

    @property
    def is_learning(self) -> bool:
        """Whether the warm-up is over, so that the alphas learn, too."""
        return self.done >= self.method.warmup

    def gates(self, purpose: Literal["alphas", "weights"]) -> Tensor:
        """The gates of this step, (edges, most candidates), sampled separately for the two updates if the method samples."""
        return self.extensions.constrain(self.method.gates(self.alphas, self.done, self.step.generator(purpose)))

    def val_batch(self) -> tuple[Tensor, Tensor]:
        """The batch of the alphas' rows that belongs to this step."""
        return cast(Batches, self.context.alpha_batches).batch(self.step.number)

    def val_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """L_val(w, alpha) (), on a batch of the alphas' rows, plus the penalty."""
        return self._loss_aside(self.context.alpha_loss, x, y) + self.penalty()

    def trial_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """L_train(w, alpha) () under the same gates as `val_loss`, for steps of the weights that are only tried."""
        return self._loss_aside(self.context.loss, x, y)

    def _loss_aside(self, loss: Loss, x: Tensor, y: Tensor) -> Tensor:
        with separate_stream(self.context.supernet):
            return loss(self.context.supernet(x, self.gates("alphas")), y)

    def penalty(self) -> Tensor:
        """What regularization adds to the loss of the alphas ()."""
        gates = self.extensions.constrain(self.method.expected(self.alphas))
        return sum((penalty(gates) for penalty in self.extensions.penalties), gates.new_zeros(()))

    def update_alphas(self, gradients: Gradients) -> None:
        """By Adam, from a gradient for each parameter of the alphas."""
        for parameter, gradient in zip(self.alphas.parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.alpha_optimizer.step()
        self.alpha_optimizer.zero_grad(set_to_none=True)

    def train_loss(self, x: Tensor, y: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
        """L_train(w, alpha) () and the output (B, outputs), on a batch of the weights' rows."""
        output = self.context.supernet(x, gates)
        return self.context.loss(output, y), output

    def train_weights(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Updates the weights by the gradient of L_train(w, alpha), with alpha held constant. Returns the loss and the output."""
        loss, output = self.train_loss(x, y, self.gates("weights").detach())
        self.update_weights(self.gradients(loss, self.weights))
        return loss, output

    def update_weights(self, gradients: Gradients) -> None:
        """By SGD, from a gradient for each weight."""
        self.weight_update(gradients, self.done)

    @property
    def saved(self) -> Mapping[str, Any]:
        return {
            **self.context.saved,
            **self.extensions.saved,
            "alphas": self.alphas,
            "weight_optimizer": self.weight_update.optimizer,
            "alpha_optimizer": self.alpha_optimizer,
            "step": self.step,
        }

    def record(self) -> Mapping[str, float]:
        temperature = self.method.temperature(self.done)
        return {
            "learning_rate": self.weight_update.rate(self.done),
            **({} if temperature is None else {"temperature": temperature}),
            **monitored(self.context.supernet.mixture, self.expected.cpu()),
            "skip_share": skip_share(self.extensions.choice(self.expected)),
        }

    @property
    def stopped(self) -> str:
        return self.extensions.stability.stop_reason

    @property
    def expected(self) -> Tensor:
        with torch.no_grad():
            return self.extensions.constrain(self.method.expected(self.alphas)).detach()

    def end_epoch(self) -> Snapshot:
        gates = self.expected
        if self.is_learning:
            self.extensions.stability.observe(gates)
        architecture = self.context.supernet.architecture_of(self.extensions.choice(gates))
        return Snapshot(architecture, gates, mixture_gates=gates, counts=self.is_learning)

    def conclude(self, evaluations: int) -> Conclusion:
        with without_auxiliary_skip(self.context.supernet):
            choice = self.extensions.final_choice(self)
            supernet_score = self.context.score(self.expected)[self.context.metric]
        notes = search_notes(choice, self.first_gates, self.expected)
        architecture = self.context.supernet.architecture_of(choice)
        return Conclusion(architecture, self.method.discretization, supernet_score, (), notes)

    def workload(self) -> Workload:
        halfway = (1 + self.method.warmup) / 2  # between the warm-up and the end
        return Workload(lambda x, y: self(x, y, halfway), self.expected, self.extensions.mixture_scores, RESCORED)
