"""A weighted sum of activations, which keeps only what they were taken of for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from archwright.errors import UnknownName

Slope = Callable[[Tensor, Tensor], Tensor]
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Slope]] = {
    "tanh": (torch.tanh, lambda x, y: 1 - y * y),
    "relu": (torch.relu, lambda x, y: x > 0),
    "identity": (lambda x: x, lambda x, y: torch.ones_like(x)),
    "sigmoid": (torch.sigmoid, lambda x, y: y * (1 - y)),
}
"""Activations by name, each with its slope at x, where it is y."""


class MixedActivation:
    """Row r of x (B, R, H) becomes the sum over the activations k of weights (R, K), each times activation k of the row.

    What has a weight of exactly zero is not computed, and the weight gets no gradient. One mixture for many tensors: which
    weights are zero is looked up once. Raises UnknownName for an activation without a slope.
    """

    def __init__(self, names: Sequence[str], weights: Tensor) -> None:
        unknown = [name for name in names if name not in FUNCTIONS]
        if unknown:
            raise UnknownName(f"activation {unknown[0]!r} cannot be mixed: choose from {', '.join(FUNCTIONS)}")
        self.weights = weights
        self.parts: list[Part] = []
        for k, (name, present) in enumerate(zip(names, (weights != 0).t().tolist(), strict=True)):
            rows = [row for row, here in enumerate(present) if here]
            if rows:
                self.parts.append((k, name, slice(None) if all(present) else rows))

    def __call__(self, x: Tensor) -> Tensor:
        mixed: Tensor = _Mixture.apply(x, self.weights, self.parts)  # type: ignore[no-untyped-call]
        return mixed


Part = tuple[int, str, slice | list[int]]
"""The number and name of an activation, and the rows that have it."""


class _Mixture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, parts: Sequence[Part]) -> Tensor:
        ctx.save_for_backward(x, weights)
        ctx.parts = parts
        mixed = torch.zeros_like(x)
        for k, name, rows in parts:
            mixed[:, rows] += FUNCTIONS[name][0](x[:, rows]) * weights[rows, k, None]
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weights = ctx.saved_tensors
        needed = ctx.needs_input_grad[:2]
        of_x, of_weights = (torch.zeros_like(t) if own else None for t, own in zip((x, weights), needed, strict=True))
        for k, name, rows in ctx.parts:
            function, slope = FUNCTIONS[name]
            own, above = x[:, rows], gradient[:, rows]
            y = function(own)
            if of_x is not None:
                of_x[:, rows] += above * slope(own, y) * weights[rows, k, None]
            if of_weights is not None:
                of_weights[rows, k] = (above * y).sum(dim=(0, 2))
        return of_x, of_weights, None
