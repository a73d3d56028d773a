"""Finds numbers that cannot be used before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.data.raw_data import Array
from archwright.errors import DataError
from archwright.formatting import plural

ROWS_AT_ONCE = 4096


def as_inputs(x: Array, columns: Sequence[str], where: str) -> Array:
    """The inputs as they are stored: byte images stay uint8, everything else becomes float32.

    x: (N, ...). Raises DataError for texts, and for values that are not finite in float32.
    """
    if x.dtype.kind not in "biuf":
        raise DataError(f"{where}: inputs are of type {x.dtype}: give numbers")
    if x.dtype == np.uint8 and x.ndim == 4:
        return np.ascontiguousarray(x)
    return as_float32(x, columns, f"{where}: inputs")


def as_float32(values: Array, columns: Sequence[str], where: str) -> Array:
    """`values` in float32, all finite. Raises DataError with the number of those that are not and the place of the first."""
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(values, dtype=np.float32)
    if values.dtype.kind != "f":
        return converted
    bad = [start + np.flatnonzero(~np.isfinite(part).reshape(len(part), -1).all(axis=1)) for start, part in _chunks(converted)]
    rows = np.concatenate(bad)
    if len(rows):
        raise DataError(_not_finite(values, converted, rows, columns, where))
    return converted


def lossy_columns(x: Array, columns: Sequence[str]) -> tuple[str, ...]:
    """Names of flat features that span less than a hundred steps of float32 (Julian dates, time stamps). x: (N, F)."""
    if x.ndim != 2 or x.dtype.kind not in "iuf":
        return ()
    step = np.spacing(np.abs(x).max(axis=0).astype(np.float32))
    spread = np.ptp(x.astype(np.float64), axis=0)
    return tuple(_column((int(i),), columns) for i in np.flatnonzero((spread > 0) & (spread < 100 * step)))


def _chunks(values: Array) -> list[tuple[int, Array]]:
    return [(start, values[start : start + ROWS_AT_ONCE]) for start in range(0, len(values), ROWS_AT_ONCE)]


def _not_finite(values: Array, converted: Array, rows: Array, columns: Sequence[str], where: str) -> str:
    count = int((~np.isfinite(converted[rows])).sum())
    first = int(rows[0])
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(converted[first]))[0]) if converted.ndim > 1 else ()
    value = values[(first, *place)]
    what = "too large for float32" if np.isfinite(value) else "missing or infinite"
    at = f"row {first} (counted from 0)" + (f", {_column(place, columns)}" if place else "")
    are = "is" if count == 1 else "are"
    return f"{where} hold {plural(count, 'value')} that {are} {what}, first {value} in {at}: correct the values or remove the rows"


def _column(place: tuple[int, ...], columns: Sequence[str]) -> str:
    if len(place) == 1:
        return f"column {columns[place[0]]!r}" if columns else f"column {place[0]}"
    return f"at {place}"
