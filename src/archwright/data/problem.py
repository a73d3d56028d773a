"""A problem: what the data are and what is asked of them. Pure data; the arrays live beside it (`splits.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Task = Literal["classification", "multi_label", "regression", "language_modelling"]
TASKS: tuple[Task, ...] = ("classification", "multi_label", "regression", "language_modelling")
Level = Literal["character", "word"]
LEVELS: tuple[Level, ...] = ("character", "word")
"""What a token of a text is."""

METRICS: dict[str, str] = {"classification": "accuracy", "multi_label": "f1", "regression": "r2"}
"""The metric a task is judged by. f1 is the macro average over labels at threshold 0.5, r2 the mean over the outputs."""
TOKEN_METRICS: dict[str, str] = {"character": "bits_per_character", "word": "perplexity"}
"""Of language modelling, by the level of its tokens: the mean of -log2 p over characters, exp of the mean of -ln p over words."""
LOWER_IS_BETTER = frozenset(TOKEN_METRICS.values())


def as_score(metric: str, value: float) -> float:
    """A metric's value, turned so that higher is better, whichever way the metric goes; applied twice it is the value again.

    Everything that compares values of a metric compares these.
    """
    return -value if metric in LOWER_IS_BETTER else value


@dataclass(frozen=True)
class Problem:
    """What a network must take and give, and how many samples there are.

    `input_shape`: (F,) flat features, (C, L) a series, (C, H, W) an image, (T,) tokens of a text. `outputs`: classes, labels,
    targets, or the size of the vocabulary. `names`: one per output. `level`: of a text's tokens, None for all other data.
    `augmentation`: what batches of these data may undergo ("crop", "flip", "cutout").
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
    level: Level | None = None

    @property
    def metric(self) -> str:
        return METRICS[self.task] if self.level is None else TOKEN_METRICS[self.level]

    @property
    def maximize(self) -> bool:
        """Whether higher is better in its metric."""
        return self.metric not in LOWER_IS_BETTER

    @property
    def dimensions(self) -> int:
        """0 for flat features and tokens, 1 for series, 2 for images."""
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
