"""A problem: what the data are and what is asked of them. Pure data; the arrays live beside it (`splits.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Task = Literal["classification", "multi_label", "regression"]
TASKS: tuple[Task, ...] = ("classification", "multi_label", "regression")

METRICS: dict[str, str] = {"classification": "accuracy", "multi_label": "f1", "regression": "r2"}
"""The metric a task is judged by; higher is better for each. f1 is the macro average over labels at threshold 0.5,
r2 the mean over the outputs."""


@dataclass(frozen=True)
class Problem:
    """What a network must take and give, and how many samples there are.

    `input_shape`: (F,) flat features, (C, L) a series, (C, H, W) an image. `outputs`: classes, labels or targets.
    `names`: one per output. `augmentation`: what batches of these data may undergo ("crop", "flip", "cutout").
    `inputs`: names of flat features, where they have some.
    """

    name: str
    task: Task
    input_shape: tuple[int, ...]
    outputs: int
    names: tuple[str, ...] = ()
    n_train: int = 0
    n_val: int = 0
    n_test: int = 0
    data_hash: str = ""
    augmentation: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        return METRICS[self.task]

    @property
    def dimensions(self) -> int:
        """0 for flat features, 1 for series, 2 for images."""
        return len(self.input_shape) - 1

    def to_json(self) -> dict[str, Any]:
        """All fields, and the metric."""
        return {**asdict(self), "metric": self.metric}

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Problem:
        fields = {key: text[key] for key in cls.__dataclass_fields__ if key in text}
        for key in ("input_shape", "names", "augmentation", "inputs"):
            fields[key] = tuple(fields.get(key, ()))
        return cls(**fields)
