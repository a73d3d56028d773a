"""Data in memory, passed from Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archwright.errors import DataError

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Arrays:
    """Inputs and targets as arrays (or anything `numpy.asarray` takes): `x` and `y`, or splits.

    x: (N, F) or (N, L), (N, C, L), (N, H, W) or (N, C, H, W), see `layout.py`. y: (N,) or (N, outputs).
    `layout`: "flat", "series" or "image", for shapes that do not tell. Raises DataError if half of a pair is missing.
    """

    x: Any = None
    y: Any = None
    x_train: Any = None
    y_train: Any = None
    x_val: Any = None
    y_val: Any = None
    x_test: Any = None
    y_test: Any = None
    name: str = "arrays"
    layout: str | None = None

    def pairs(self) -> dict[str, tuple[Any, Any]]:
        """The given pairs, under "" for `x` and `y` or under the name of the split."""
        return dict(given_pairs({key: value for key, value in vars(self).items() if value is not None}, self.name))


def given_pairs(entries: dict[str, Any], where: str, *, targets_needed: bool = True) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The pairs (x, y) among `entries`: "" for `x` and `y`, or "train", "val", "test" for `x_train` and `y_train`...

    Raises DataError if there is none, if half of one is missing, or if both forms are mixed.
    """
    found = [part for part in ("", *PARTS) if _entry("x", part) in entries or (targets_needed and _entry("y", part) in entries)]
    if not found:
        raise DataError(
            f"{where} has no inputs: name them 'x' (with targets 'y') or 'x_train', 'x_val', 'x_test'{_listed(entries)}"
        )
    if "" in found and len(found) > 1:
        raise DataError(f"{where} has both 'x' and '{_entry('x', found[1])}': give either 'x' and 'y', or splits")
    if targets_needed and found[0] not in ("", "train"):
        raise DataError(f"{where} has no 'x_train': give 'x_train' and 'y_train', the rows to train on")
    for part in found:
        for letter in "xy" if targets_needed else "x":
            if _entry(letter, part) not in entries:
                raise DataError(f"{where} has no {_entry(letter, part)!r}: give inputs 'x...' and targets 'y...' together")
        yield part, (entries[_entry("x", part)], entries.get(_entry("y", part)))


def _entry(letter: str, part: str) -> str:
    return f"{letter}_{part}" if part else letter


def _listed(entries: dict[str, Any]) -> str:
    return f"; it has {', '.join(map(repr, entries))}" if entries else ""
