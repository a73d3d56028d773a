"""A problem: what the data are and what is to be predicted. Pure data; the arrays are in `splits.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Task = Literal["classification", "multi_label", "regression", "language_modelling"]
TASKS: tuple[Task, ...] = ("classification", "multi_label", "regression", "language_modelling")
Level = Literal["character", "word"]
LEVELS: tuple[Level, ...] = ("character", "word")
"""What the tokens of a text are."""

METRICS: dict[str, str] = {"classification": "accuracy", "multi_label": "f1", "regression": "r2"}
"""The metric that evaluates a task. f1 is the macro average over labels at threshold 0.5, r2 the mean over the outputs."""
TOKEN_METRICS: dict[str, str] = {"character": "bits_per_character", "word": "perplexity"}
"""The metric of language modelling, by token level: the mean of -log2 p over characters, exp of the mean of -ln p over words."""
LOWER_IS_BETTER = frozenset(TOKEN_METRICS.values())


def as_score(metric: str, value: float) -> float:
    """A value of the metric as a score: higher is always better. Applied twice, it gives the value again.

    Everything that compares values of a metric compares scores.
    """
    return -value if metric in LOWER_IS_BETTER else value


@dataclass(frozen=True)
class Problem:
    """The inputs and outputs of a network, and the number of samples.

    `input_shape`: (F,) flat features, (C, L) a series, (C, H, W) an image, (T,) tokens of a text. `outputs`: classes, labels,
    targets, or the size of the vocabulary. `names`: one per output. `level`: of a text's tokens, None for other data.
    `augmentation`: what may be applied to batches of these data ("crop", "flip", "cutout").
    `inputs`: names of flat features, if known.
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
        """Whether a higher value of its metric is better."""
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
