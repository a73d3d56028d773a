"""Arrays in .npz files: `x` and `y`, or `x_train`, `y_train`, `x_val`, ..., `y_test`, and optionally the text `layout`."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from archwright.data.arrays import PARTS, given_pairs
from archwright.data.raw_data import Array, RawData, join_parts
from archwright.data.read_errors import reading
from archwright.errors import DataError

ENTRIES = tuple(f"{letter}{part}" for part in ("", *(f"_{part}" for part in PARTS)) for letter in "xy")


def read_npz(path: Path, *, targets_needed: bool = True) -> RawData:
    """The arrays of the file. Raises DataError if it cannot be read, or if x or y is missing or they do not fit together."""
    entries = _read_entries(path)
    layout = entries.pop("layout", None)
    if layout is not None and (layout.ndim or layout.dtype.kind != "U"):
        raise DataError(f"{path}: 'layout' must be one text, such as np.array('series')")
    unused = [name for name in entries if name not in ENTRIES]
    x, y, sizes = join_parts(dict(given_pairs(entries, str(path), targets_needed=targets_needed)), str(path))
    notes = (f"unused entries: {', '.join(unused)}",) if unused else ()
    return RawData(path.stem, str(path), x, y, sizes, layout=None if layout is None else str(layout), notes=notes)


def _read_entries(path: Path) -> dict[str, Array]:
    with reading(path, "an .npz file"), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{path} is not an .npz file, or truncated: write it again with np.savez(path, x=..., y=...)")
        file.seek(0)
        archive: np.lib.npyio.NpzFile = np.load(file, allow_pickle=False)
        return {name: _read_entry(archive, name, path) for name in archive.files}


def _read_entry(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> Array:
    try:
        array: Array = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DataError(f"{path}: {name!r} holds Python objects: save it as an array of numbers or texts") from None
    return array
