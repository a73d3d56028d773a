"""Reads the targets and infers the task from them: classes, labels, or amounts.

The rule: texts, booleans, and integers with at most 20 values (or at most 1,000, each ten times on average) are classes; several
integer columns of 0 and 1 are labels; everything else is an amount. An explicit task takes precedence over the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archwright.data.problem import TASKS, Task
from archwright.data.raw_data import Array
from archwright.data.value_checks import as_float32
from archwright.errors import DataError

FEW_CLASSES = 20
MANY_CLASSES = 1000
ROWS_PER_CLASS = 10


@dataclass(frozen=True, eq=False)
class Targets:
    """y: (N,) int64 classes 0..K-1, or (N, L) float32 labels or amounts. `names`: one per output."""

    task: Task
    y: Array
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_targets(y: Array, task: str | None, outputs: Sequence[str], class_names: Sequence[str], where: str) -> Targets:
    """The targets as they are trained on, with their task. Raises DataError if they do not fit the task that was given."""
    if task is not None and task not in TASKS:
        raise DataError(f"there is no task {task!r}: choose from {', '.join(TASKS)}")
    y = _without_single_column(y, where)
    note = ""
    if task is None:
        task, note = ("classification", "") if class_names else infer_task(y, where)
    reader = {"classification": _classes, "multi_label": _labels, "regression": _amounts}[task]
    targets = reader(y, outputs, class_names, where)
    return Targets(targets.task, targets.y, targets.names, (note, *targets.notes) if note else targets.notes)


def infer_task(y: Array, where: str) -> tuple[Task, str]:
    """The task that these targets imply, and what was assumed if it is ambiguous. y: (N,) or (N, columns)."""
    kind = y.dtype.kind
    if y.ndim == 2:
        return _infer_from_columns(y, where)
    if kind in "Ub":
        return "classification", ""
    distinct = len(np.unique(y))
    if kind == "f":
        whole = distinct <= FEW_CLASSES and bool(np.all(y == np.rint(y)))
        return (
            "regression",
            f"targets are {distinct} whole numbers as floats, read as amounts: for classes, give task classification"
            if whole
            else "",
        )
    if distinct <= FEW_CLASSES or (distinct <= MANY_CLASSES and distinct * ROWS_PER_CLASS <= len(y)):
        return "classification", f"targets are integers with {distinct} values, read as classes: for amounts, give task regression"
    return "regression", f"targets are integers with {distinct} values, read as amounts: for classes, give task classification"


def _infer_from_columns(y: Array, where: str) -> tuple[Task, str]:
    if y.dtype.kind == "U":
        raise DataError(f"{where}: {y.shape[1]} target columns hold texts: give one column of classes, or labels as 0 and 1")
    if y.dtype.kind == "f" or not _zeros_and_ones(y):
        return "regression", ""
    one_hot = bool(np.all(y.sum(axis=1) == 1))
    return "multi_label", "every row has exactly one label: for classes, give task classification" if one_hot else ""


def _classes(y: Array, outputs: Sequence[str], class_names: Sequence[str], where: str) -> Targets:
    if y.ndim == 2:
        y, class_names = _from_one_hot(y, where), tuple(class_names) or tuple(outputs)
    if y.dtype.kind == "f":
        as_float32(y, (), f"{where}: targets")
        broken = np.flatnonzero(y != np.rint(y))
        if len(broken):
            raise DataError(
                f"{where}: task classification, but row {broken[0]} has {y[broken[0]]:g}: give whole numbers, or task regression"
            )
        y = y.astype(np.int64)
    values, codes = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise DataError(f"{where}: all {len(y)} rows are of one class ({values[0]!s}): give rows of at least two classes")
    known = len(class_names) and y.dtype.kind in "iu" and values[0] >= 0 and values[-1] < len(class_names)
    names = tuple(class_names[int(value)] if known else str(value) for value in values)
    return Targets("classification", codes.astype(np.int64).reshape(-1), names)


def _from_one_hot(y: Array, where: str) -> Array:
    if y.dtype.kind == "U" or not _zeros_and_ones(y) or not np.all(y.sum(axis=1) == 1):
        raise DataError(
            f"{where}: task classification, but there are {y.shape[1]} target columns: give one column, or one-hot rows"
        )
    return np.asarray(y.argmax(axis=1))


def _labels(y: Array, outputs: Sequence[str], class_names: Sequence[str], where: str) -> Targets:
    table = y.reshape(len(y), -1)
    if table.dtype.kind == "U":
        raise DataError(
            f"{where}: task multi_label, but the targets are texts such as '{table[0, 0]}': give one column of 0 and 1 per label"
        )
    names = _output_names(table, outputs, "label")
    wrong = np.argwhere((table != 0) & (table != 1))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise DataError(
            f"{where}: task multi_label, but row {row} (counted from 0) has {table[row, column]} in {names[column]!r}: give 0 or 1"
        )
    constant = [name for name, column in zip(names, table.T, strict=True) if np.all(column == column[0])]
    if len(constant) == len(names):
        raise DataError(f"{where}: every label is constant over all {len(y)} rows: there is nothing to learn")
    notes = (f"labels that are constant, so that there is nothing to learn: {', '.join(constant)}",) if constant else ()
    return Targets("multi_label", table.astype(np.float32), names, notes)


def _amounts(y: Array, outputs: Sequence[str], class_names: Sequence[str], where: str) -> Targets:
    table = y.reshape(len(y), -1)
    if table.dtype.kind == "U":
        raise DataError(
            f"{where}: task regression, but the targets are texts such as '{table[0, 0]}': give numbers, or task classification"
        )
    names = _output_names(table, outputs, "target")
    values = as_float32(table, names, f"{where}: targets")
    constant = [name for name, column in zip(names, values.T, strict=True) if column.min() == column.max()]
    if constant:
        raise DataError(
            f"{where}: {', '.join(constant)} is constant over all {len(y)} rows: leave it out, there is nothing to learn"
        )
    return Targets("regression", values, names)


def _without_single_column(y: Array, where: str) -> Array:
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise DataError(f"{where}: targets of shape {y.shape} cannot be used: give (N,), or (N, outputs)")
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _zeros_and_ones(y: Array) -> bool:
    return bool(np.all((y == 0) | (y == 1)))


def _output_names(table: Array, outputs: Sequence[str], kind: str) -> tuple[str, ...]:
    if len(outputs) == table.shape[1]:
        return tuple(outputs)
    return (kind,) if table.shape[1] == 1 else tuple(f"{kind}_{i}" for i in range(table.shape[1]))
