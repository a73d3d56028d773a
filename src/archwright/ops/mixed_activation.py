"""A weighted sum of activations that saves only their input for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from archwright.errors import UnknownName

Derivative = Callable[[Tensor, Tensor], Tensor]
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Derivative]] = {
    "tanh": (torch.tanh, lambda x, y: 1 - y * y),
    "relu": (torch.relu, lambda x, y: x > 0),
    "identity": (lambda x: x, lambda x, y: torch.ones_like(x)),
    "sigmoid": (torch.sigmoid, lambda x, y: y * (1 - y)),
}
"""Activations by name, each with its derivative as a function of the input x and the output y."""


class MixedActivation:
    """Replaces row r of x (B, R, H) by the sum over k of weights[r, k] times activation k of the row; weights: (R, K).

    Activations with a weight of exactly zero are not computed, and that weight gets no gradient. One object serves many tensors, so
    that the zero weights are determined only once. Raises UnknownName for an activation without a derivative here.
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
"""The index and name of an activation, and the rows in which its weight is not zero."""


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
        d_x, d_weights = (torch.zeros_like(t) if wanted else None for t, wanted in zip((x, weights), needed, strict=True))
        for k, name, rows in ctx.parts:
            function, derivative = FUNCTIONS[name]
            inputs, upstream = x[:, rows], gradient[:, rows]
            y = function(inputs)
            if d_x is not None:
                d_x[:, rows] += upstream * derivative(inputs, y) * weights[rows, k, None]
            if d_weights is not None:
                d_weights[rows, k] = (upstream * y).sum(dim=(0, 2))
        return d_x, d_weights, None
