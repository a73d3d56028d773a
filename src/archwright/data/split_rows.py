"""Which rows train, which validate, which test.

Given splits are kept. A split that is missing gets 20 % of the rows there are to take from (the training rows, or all), 10 % from
10,000 rows on; classes keep their shares in each, and every class is in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwright.data.raw_data import Array
from archwright.data.targets import Targets
from archwright.errors import DataError

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

    Raises DataError where a class, the whole, or a given split has too few rows, and where training lacks a class.
    """
    n_train, n_val, n_test = sizes or (len(targets.y), 0, 0)
    rows = np.arange(n_train + n_val + n_test, dtype=np.int64)
    pool, val, test = rows[:n_train], rows[n_train : n_train + n_val], rows[n_train + n_val :]
    share = 0.1 if len(pool) >= LARGE else 0.2
    missing = (len(val) == 0) + (len(test) == 0)
    groups = _groups(targets, pool, missing + 1, where)
    rng = np.random.default_rng(seed)
    if not len(test):
        test, groups = _carve(groups, share, len(pool), rng, _least(targets))
    if not len(val):
        val, groups = _carve(groups, share, len(pool), rng, _least(targets))
    division = Division(np.sort(np.concatenate(groups)), val, test)
    _check_sizes(targets, division, where)
    return division


def _least(targets: Targets) -> int:
    return 1 if targets.task == "classification" else LEAST_ROWS


def _groups(targets: Targets, pool: Array, splits: int, where: str) -> list[Array]:
    """The rows to take from, class by class, or all together where there are no classes."""
    needed = splits * _least(targets)
    if targets.task != "classification":
        if len(pool) < needed:
            raise DataError(f"{where}: {len(pool)} rows are too few to divide: give at least {needed}")
        return [pool]
    if len(pool) < len(targets.names):
        raise DataError(f"{where}: {len(pool)} rows are fewer than the {len(targets.names)} classes: {_mend(needed)}")
    classes = targets.y[pool]
    groups = [pool[classes == label] for label in range(len(targets.names))]
    small = [f"{name!r} ({len(group)})" for name, group in zip(targets.names, groups, strict=True) if len(group) < needed]
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        raise DataError(f"{where}: too few rows to train on in class {shown}: {_mend(needed)}")
    return groups


def _mend(needed: int) -> str:
    rows = f"each class needs at least {needed} outside the given splits"
    return f"{rows}; add some or leave the class out (if the targets are amounts: task regression)"


def _carve(groups: list[Array], share: float, total: int, rng: np.random.Generator, least: int) -> tuple[Array, list[Array]]:
    """Take `share` of the `total` rows there were at first, each group by its size; returns what was taken and what is left."""
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
        if len(rows) < _least(targets):
            raise DataError(f"{where}: the {part} split has {len(rows)} row(s): give at least {_least(targets)}")


def absent_classes(targets: Targets, division: Division) -> tuple[str, ...]:
    """One sentence per split that lacks classes, which only a given split can."""
    if targets.task != "classification":
        return ()
    parts = {"validation": division.val, "test": division.test}
    lacking = {part: np.setdiff1d(np.arange(len(targets.names)), targets.y[rows]) for part, rows in parts.items()}
    return tuple(
        f"the {part} split has no row of class {', '.join(targets.names[i] for i in rows)}"
        for part, rows in lacking.items()
        if len(rows)
    )
