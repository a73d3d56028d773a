"""The rows of a source as every reader returns them, before anything is inferred from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.data.arrays import PARTS
from archwright.errors import DataError

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class RawData:
    """Rows in source order. `where`: the source in words, for errors.

    x: (N, ...) numbers. y: (N,) or (N, columns), or None without targets. `sizes`: the numbers of rows of the given training,
    validation and test splits, which follow each other in that order (0: not given, to be made); None: no splits were given.
    `class_names`: of the labels 0, 1, .... `outputs`: names of the target columns. `inputs`: names of flat features.
    """

    name: str
    where: str
    x: Array
    y: Array | None
    sizes: tuple[int, int, int] | None = None
    class_names: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    layout: str | None = None
    augmentation: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def join_parts(pairs: Mapping[str, tuple[Any, Any]], where: str) -> tuple[Array, Array | None, tuple[int, int, int] | None]:
    """The pairs as one x, one y and the sizes of the given splits. Raises DataError if rows do not fit together."""
    arrays = {
        part: (as_array(x, f"{where}, inputs"), None if y is None else as_array(y, f"{where}, targets"))
        for part, (x, y) in pairs.items()
    }
    for part, (x, y) in arrays.items():
        _check_lengths(x, y, f"{where}, {part} split" if part else where)
    _check_same_shapes(arrays, where)
    xs = np.concatenate([x for x, _ in arrays.values()]) if len(arrays) > 1 else next(iter(arrays.values()))[0]
    ys = [y for _, y in arrays.values() if y is not None]
    y = None if not ys else np.concatenate(ys) if len(ys) > 1 else ys[0]
    if "" in arrays:
        return xs, y, None
    train, val, test = (len(arrays[part][0]) if part in arrays else 0 for part in PARTS)
    return xs, y, (train, val, test)


def as_array(values: Any, where: str) -> Array:
    """`values` as an array of numbers, booleans or texts. Raises DataError if that is impossible."""
    if isinstance(values, np.ma.MaskedArray) and np.any(values.mask):
        raise DataError(f"{where} have {int(np.sum(values.mask))} masked values: fill them in or remove the rows")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{where} do not form one array ({error}): every row needs the same shape") from None
    if array.dtype == object and all(isinstance(value, str) for value in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "biufUST":
        raise DataError(f"{where} are of type {array.dtype}: give an array of numbers (targets may be texts), not of objects")
    if array.ndim == 0:
        raise DataError(f"{where} are a single value: give one row per sample")
    return array.astype(str) if array.dtype.kind in "ST" else array


def _check_lengths(x: Array, y: Array | None, where: str) -> None:
    if len(x) == 0:
        raise DataError(f"{where} has no rows: inputs of shape {x.shape} are empty")
    if y is not None and len(x) != len(y):
        raise DataError(
            f"{where}: inputs {x.shape} have {len(x)} rows and targets {y.shape} have {len(y)}: give one target per row"
        )


def _check_same_shapes(arrays: Mapping[str, tuple[Array, Array | None]], where: str) -> None:
    for letter, position in (("x", 0), ("y", 1)):
        shapes = {part: pair[position].shape[1:] for part, pair in arrays.items() if pair[position] is not None}  # type: ignore[union-attr]
        if len(set(shapes.values())) > 1:
            shown = ", ".join(f"{letter}_{part} {shape}" for part, shape in shapes.items())
            raise DataError(f"{where}: the splits have rows of different shapes ({shown}): use the same shape in all splits")
