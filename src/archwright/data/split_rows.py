"""Assigns rows to the training, validation and test splits.

Given splits are kept. A missing split gets 20 % of the available rows (the training rows, or all), or 10 % if there are at least
10,000; new splits are stratified, with every class in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwright.data.raw_data import Array
from archwright.data.targets import Targets
from archwright.errors import DataError
from archwright.formatting import plural

LARGE = 10_000
LEAST_ROWS = 2


@dataclass(frozen=True, eq=False)
class Division:
    """Row numbers of each split, ascending: (n,) int64 each."""

    train: Array
    val: Array
    test: Array


def divide(targets: Targets, sizes: tuple[int, int, int] | None, seed: int, where: str) -> Division:
    """The rows of each split; the same for the same targets and seed.

    Raises DataError if a class, the whole, or a given split has too few rows, or if a class is missing from training.
    """
    n_train, n_val, n_test = sizes or (len(targets.y), 0, 0)
    rows = np.arange(n_train + n_val + n_test, dtype=np.int64)
    pool, val, test = rows[:n_train], rows[n_train : n_train + n_val], rows[n_train + n_val :]
    share = 0.1 if len(pool) >= LARGE else 0.2
    missing = (len(val) == 0) + (len(test) == 0)
    groups = _rows_by_class(targets, pool, missing + 1, where)
    rng = np.random.default_rng(seed)
    if not len(test):
        test, groups = _take_split(groups, share, len(pool), rng, _minimum_rows(targets))
    if not len(val):
        val, groups = _take_split(groups, share, len(pool), rng, _minimum_rows(targets))
    division = Division(np.sort(np.concatenate(groups)), val, test)
    _check_sizes(targets, division, where)
    return division


def _minimum_rows(targets: Targets) -> int:
    return 1 if targets.task == "classification" else LEAST_ROWS


def _rows_by_class(targets: Targets, pool: Array, splits: int, where: str) -> list[Array]:
    """The available rows by class, or all together without classes."""
    needed = splits * _minimum_rows(targets)
    if targets.task != "classification":
        if len(pool) < needed:
            raise DataError(f"{where}: {len(pool)} rows are too few to split: give at least {needed}")
        return [pool]
    if len(pool) < len(targets.names):
        raise DataError(f"{where}: {len(pool)} rows are fewer than the {len(targets.names)} classes: {_advice(needed)}")
    classes = targets.y[pool]
    groups = [pool[classes == label] for label in range(len(targets.names))]
    small = [f"{name!r} ({len(group)})" for name, group in zip(targets.names, groups, strict=True) if len(group) < needed]
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        raise DataError(f"{where}: too few rows to train on in class {shown}: {_advice(needed)}")
    return groups


def _advice(needed: int) -> str:
    rows = f"each class needs at least {needed} outside the given splits"
    return f"{rows}; add rows or remove the class (if the targets are amounts, give task regression)"


def _take_split(groups: list[Array], share: float, total: int, rng: np.random.Generator, least: int) -> tuple[Array, list[Array]]:
    """Take `share` of the original `total` rows, from each group in proportion; returns the rows taken and those left."""
    left_over = sum(map(len, groups))
    fraction = share * total / left_over
    taken, kept = [], []
    for group in groups:
        shuffled = rng.permutation(group)
        count = min(max(least, round(fraction * len(group))), len(group) - least)
        taken.append(shuffled[:count])
        kept.append(shuffled[count:])
    return np.sort(np.concatenate(taken)), kept


def _check_sizes(targets: Targets, division: Division, where: str) -> None:
    for part, rows in (("validation", division.val), ("test", division.test)):
        if len(rows) < _minimum_rows(targets):
            raise DataError(f"{where}: the {part} split has {plural(len(rows), 'row')}: give at least {_minimum_rows(targets)}")


def absent_classes(targets: Targets, division: Division) -> tuple[str, ...]:
    """One sentence for each split that lacks classes, as only a given split can."""
    if targets.task != "classification":
        return ()
    parts = {"validation": division.val, "test": division.test}
    lacking = {part: np.setdiff1d(np.arange(len(targets.names)), targets.y[rows]) for part, rows in parts.items()}
    return tuple(
        f"the {part} split has no row of class {', '.join(targets.names[i] for i in rows)}"
        for part, rows in lacking.items()
        if len(rows)
    )
