"""A built-in data set: what it is, in words and numbers, and how its rows are read."""

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
    """`input_shape` as in `Problem`. `rows`: all splits; of a text, its windows. `origin`: where the files come from."""

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
        """What `archwright list datasets` shows."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items() if key != "read"}
