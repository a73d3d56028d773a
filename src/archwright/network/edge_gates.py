"""The gates of one edge in one pass of a supernet: which candidates are computed, and how they are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from archwright.errors import InputError


@dataclass(frozen=True)
class OpenGates:
    """The candidates whose gate is not zero.

    `numbers`: which, ascending. `weights`: (open,) their gates; None for one candidate with a fixed gate of 1, which is just there.
    """

    numbers: tuple[int, ...]
    weights: Tensor | None

    @classmethod
    def of(cls, gates: Tensor, values: Sequence[float], edge: str) -> OpenGates:
        """gates: (candidates,); values: the same as numbers. Raises InputError where all are zero."""
        numbers = tuple(number for number, value in enumerate(values) if value != 0.0)
        if not numbers:
            raise InputError(f"all gates of {edge!r} are zero: give at least one of its {len(values)} candidates another gate")
        fixed = not gates.requires_grad and [values[number] for number in numbers] == [1.0]
        return cls(numbers, None if fixed else gates[list(numbers)])

    def mix(self, terms: Sequence[Tensor]) -> Tensor:
        """The sum of what the open candidates give, each times its gate. terms: one shape, in the order of `numbers`."""
        if self.weights is None:
            return terms[0]
        weighted = [weight * term for weight, term in zip(self.weights, terms, strict=True)]
        total: Tensor = sum(weighted[1:], weighted[0])
        return total
