"""Dropout for recurrent networks: one mask per sequence, the same at every step (Gal & Ghahramani 2016, arXiv:1512.05287)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from archwright.errors import InputError

Place = Literal["dropout", "hidden_dropout", "embedding_dropout"]
"""On inputs and outputs of the recurrence; on the recurrent state; on whole words (section 4 of the paper)."""


class VariationalDropout(nn.Module):
    """Zeroes features with `probability` while training, for a whole sequence, and scales the others by 1 / (1 - probability).

    x: (T, B, H), returned in the same shape. Step-by-step code draws one `mask` before the first step and applies it at each step.
    `probability` is 0 initially and set by the training loop, depending on `place` (`set_variational_dropout`).
    """

    def __init__(self, place: Place = "dropout", probability: float = 0.0) -> None:
        super().__init__()
        self.place, self.probability = place, probability

    def forward(self, x: Tensor) -> Tensor:
        return masked(x, self.mask(x[0]))

    def mask(self, like: Tensor) -> Tensor | None:
        """A new mask with the shape and data type of `like`, such as (B, H); None if nothing is dropped."""
        if not self.training or self.probability == 0.0:
            return None
        kept = 1.0 - self.probability
        return like.new_empty(like.shape).bernoulli_(kept) / kept

    def extra_repr(self) -> str:
        return f"{self.place}, probability={self.probability}"


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x times a broadcastable mask, if there is one."""
    return x if mask is None else x * mask


def set_variational_dropout(network: nn.Module, probabilities: Mapping[Place, float]) -> None:
    """Sets the VariationalDropouts in `network` whose place is given. Raises InputError unless 0 <= probability < 1."""
    for place, probability in probabilities.items():
        if not 0.0 <= probability < 1.0:
            raise InputError(f"{place} {probability}: it must be at least 0 and below 1")
    for module in network.modules():
        if isinstance(module, VariationalDropout):
            module.probability = probabilities.get(module.place, module.probability)
