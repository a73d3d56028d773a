"""The gates of one edge in one pass of a supernet: which candidates are computed, and how they are combined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from archwright.errors import InputError


@dataclass(frozen=True)
class OpenGates:
    """The candidates with a nonzero gate.

    `numbers`: their indices, ascending. `weights`: (open,) their gates; None for a single candidate with a fixed gate of 1.
    """

    numbers: tuple[int, ...]
    weights: Tensor | None

    @classmethod
    def of(cls, gates: Tensor, values: Sequence[float], edge: str) -> OpenGates:
        """gates: (candidates,); values: the same as Python numbers. Raises InputError if all are zero."""
        numbers = tuple(number for number, value in enumerate(values) if value != 0.0)
        if not numbers:
            raise InputError(f"all gates of {edge!r} are zero: at least one of its {len(values)} candidates needs a nonzero gate")
        fixed = not gates.requires_grad and [values[number] for number in numbers] == [1.0]
        return cls(numbers, None if fixed else gates[list(numbers)])

    def mix(self, terms: Sequence[Tensor]) -> Tensor:
        """The sum of the open candidates' outputs, each times its gate. terms: of equal shape, in the order of `numbers`."""
        if self.weights is None:
            return terms[0]
        weighted = [weight * term for weight, term in zip(self.weights, terms, strict=True)]
        total: Tensor = sum(weighted[1:], weighted[0])
        return total
