"""The update of a supernet's weights: SGD with momentum, a cosine schedule and clipping (Liu et al. 2019, appendix A.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.supernet.averaged_gradients import Gradients
from archwright.train.optimizer import set_learning_rate


class WeightUpdate:
    """One SGD step from given gradients. A weight without a gradient, on a path not sampled, is left unchanged."""

    def __init__(self, method: OneShotMethod, supernet: nn.Module) -> None:
        self.method = method
        self.weights = [weight for weight in supernet.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.SGD(
            self.weights, lr=method.learning_rate, momentum=method.momentum, weight_decay=method.weight_decay
        )

    def rate(self, done: float) -> float:
        """The learning rate at the fraction `done` of the search, in [0, 1]: a cosine from the first to the least."""
        least, span = self.method.least_learning_rate, self.method.learning_rate - self.method.least_learning_rate
        return least + span * 0.5 * (1 + math.cos(math.pi * done))

    def __call__(self, gradients: Gradients, done: float) -> None:
        """gradients: one per weight, or None."""
        set_learning_rate(self.optimizer, self.rate(done))
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        if self.method.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.weights, self.method.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def momentum_and_weight_decay(self) -> list[Tensor | None]:
        """What a step adds to each weight's gradient: momentum and weight decay."""
        decay, momentum = self.method.weight_decay, self.method.momentum
        parts = [decay * weight.detach() for weight in self.weights]
        for part, weight in zip(parts, self.weights, strict=True):
            buffer = self.optimizer.state.get(weight, {}).get("momentum_buffer")
            if buffer is not None:
                part.add_(buffer, alpha=momentum)
        return list(parts)
