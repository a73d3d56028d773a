"""A data set by name: its description in words and numbers, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.data.problem import Task

if TYPE_CHECKING:
    from archwright.data.raw_data import RawData
    from archwright.data.raw_text import RawText


@dataclass(frozen=True)
class Dataset:
    """`input_shape` as in `Problem`. `rows`: of all splits; for a text, windows. `origin`: where the files come from."""

    name: str
    description: str
    task: Task
    input_shape: tuple[int, ...]
    outputs: int
    rows: int
    licence: str
    origin: str
    read: Callable[[], RawData | RawText]

    def to_json(self) -> dict[str, Any]:
        """The entry that `archwright list datasets` shows."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items() if key != "read"}
