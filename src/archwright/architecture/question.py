"""A question, which is one decision of a search space, and the callable that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from archwright.errors import UnknownAnswer

Option = None | bool | int | float | str
T = TypeVar("T", None, bool, int, float, str)


class Choose(Protocol):
    """What a space's `decide` calls to ask a question: the signature of Optuna's `trial.suggest_categorical`."""

    def __call__(self, name: str, options: Sequence[T]) -> T: ...


@dataclass(frozen=True)
class Question:
    """One decision: take exactly one of `options`."""

    name: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise UnknownAnswer(f"{self.name!r} has no options: give at least one")

    def check(self, answer: Option) -> None:
        """Raises UnknownAnswer unless `answer` is one of the options (1 and True are different options)."""
        if self.position(answer) is None:
            raise UnknownAnswer(f"{self.name!r} has no option {answer!r}: choose from {', '.join(map(str, self.options))}")

    def position(self, answer: Option) -> int | None:
        """The index of `answer` among the options; None if it is not one of them."""
        return next((i for i, option in enumerate(self.options) if option == answer and type(option) is type(answer)), None)

    def others(self, answer: Option) -> tuple[Option, ...]:
        """All options but `answer`."""
        position = self.position(answer)
        return tuple(option for i, option in enumerate(self.options) if i != position)
