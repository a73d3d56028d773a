"""Normalisation, learned from the training split only and saved with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archwright.data.problem import Task
from archwright.data.raw_data import Array

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Preprocessing:
    """Means and standard deviations in the units of the data.

    `input_mean`, `input_std`: one per channel (series, images) or per feature (flat). `target_mean`, `target_std`: one per
    output of a regression, else None. The standard deviation of a constant is set to 1.
    """

    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    target_mean: tuple[float, ...] | None = None
    target_std: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Preprocessing:
        """Reads what `to_json` wrote (other keys are ignored)."""
        keys = ("input_mean", "input_std", "target_mean", "target_std")
        return cls(*(None if text.get(key) is None else tuple(map(float, text[key])) for key in keys))  # type: ignore[arg-type]


def learn_preprocessing(x: Array, y: Array, task: Task) -> Preprocessing:
    """Learn it from the training split: x (N, F), (N, C, L) or (N, C, H, W), y as in `targets.py`."""
    inputs = mean_and_std(x)
    if task != "regression":
        return Preprocessing(*inputs)
    return Preprocessing(*inputs, *mean_and_std(y))


def mean_and_std(values: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """For each index of axis 1, over all other axes, in float64 and two passes. values: (N, C, ...)."""
    axes = (0, *range(2, values.ndim))
    chunks = [values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE)]
    count = values.size / values.shape[1]
    mean = np.sum([chunk.sum(axis=axes, dtype=np.float64) for chunk in chunks], axis=0) / count
    shape = (-1, *(1,) * (values.ndim - 2))
    squares = [np.square(chunk - mean.reshape(shape)).sum(axis=axes) for chunk in chunks]
    constant = values.min(axis=axes) == values.max(axis=axes)
    std = np.where(constant, 1.0, np.sqrt(np.sum(squares, axis=0) / count))
    return tuple(mean.tolist()), tuple(std.tolist())
