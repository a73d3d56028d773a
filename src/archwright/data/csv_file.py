"""Tables in .csv files with a header: named target columns, all others are flat features."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archwright.data.raw_data import Array, RawData
from archwright.data.read_errors import reading
from archwright.errors import DataError, did_you_mean
from archwright.formatting import plural

DELIMITERS = (",", ";", "\t")
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A")


def read_csv(path: Path, target: Sequence[str]) -> RawData:
    """Features (N, F) and targets (N,) or (N, T). Raises DataError for missing targets and for non-numeric columns."""
    text = read_text(path)
    header, delimiter = read_header(text, path)
    if not target:
        raise DataError(f"{path}: which column is the target? Give --target COLUMN[,COLUMN]; the columns are {_listed(header)}")
    for name in target:
        if name not in header:
            raise DataError(f"{path} has no column {name!r}{did_you_mean(name, header)}: the columns are {_listed(header)}")
    features = [name for name in header if name not in target]
    if not features:
        raise DataError(f"{path}: all columns are targets: leave at least one as a feature")
    table = _read_table(text, path, header, delimiter, target)
    x = _numbers(table, features, path)
    y = [_target(table[name].fillna("").to_numpy(dtype=str), name, path) for name in dict.fromkeys(target)]
    return RawData(
        path.name.split(".")[0],
        str(path),
        x,
        _side_by_side(y),
        None,
        outputs=tuple(dict.fromkeys(target)),
        inputs=tuple(features),
        layout="flat",
    )


def read_csv_features(path: Path, inputs: Sequence[str], targets: Sequence[str]) -> Array:
    """The features (N, F) by name in the order of `inputs`; if `inputs` is empty, all columns but `targets`.

    Other columns are ignored. Raises DataError if a feature is missing or not numeric.
    """
    text = read_text(path)
    header, delimiter = read_header(text, path)
    wanted = list(inputs) or [name for name in header if name not in targets]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise DataError(f"{path} lacks {_listed(missing)}, which the model was trained on: the columns are {_listed(header)}")
    others = [name for name in header if name not in wanted]
    return _numbers(_read_table(text, path, header, delimiter, others), wanted, path)


def read_header(text: str, path: Path) -> tuple[list[str], str]:
    """The column names and the delimiter. Raises DataError unless the first row names every column once."""
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    header = [name.strip() for name in next(csv.reader([first.rstrip("\r")], delimiter=delimiter), [])]
    if not header:
        raise DataError(f"{path} has no header: the first row must name the columns")
    if all(_is_number(name) for name in header):
        raise DataError(f"{path} has no header: the first row holds numbers ({_listed(header)}); add a row that names the columns")
    if "" in header:
        raise DataError(
            f"{path}: column {header.index('')} (counted from 0) has no name: name it, or leave it out if it only numbers the rows"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: more than one column is called {_listed(twice)}: give each column its own name")
    return header, delimiter


def read_text(path: Path) -> str:
    """The content of a text file, decompressed if its name ends in .gz. Raises DataError if it cannot be read."""
    with reading(path, "a CSV file"):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return content.decode("utf-8-sig")


def _read_table(text: str, path: Path, header: list[str], delimiter: str, texts: Sequence[str]) -> Any:
    """A pandas table; the columns `texts` stay as they are written, so that a class may be called NA."""
    import pandas as pd  # slow to import, and needed only for tables

    missing = {name: list(MISSING) for name in header if name not in texts}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table = pd.read_csv(
                io.StringIO(text), sep=delimiter, header=None, skiprows=1, names=header, index_col=False,
                dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing, skip_blank_lines=True,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise DataError(
            f"{path}: the rows do not match the {len(header)} columns of the header ({str(error).strip()}): give each row as many"
        ) from None
    if not len(table):
        raise DataError(f"{path} has a header but no rows: add data")
    return table


def _numbers(table: Any, columns: Sequence[str], path: Path) -> Array:
    wrong = [name for name in columns if table[name].dtype.kind not in "biuf"]
    if wrong:
        shown = ", ".join(f"{name!r} (such as {_first_text(table[name])!r})" for name in wrong[:5])
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise DataError(f"{path}: columns that are not numeric: {shown}{more}; turn them into numbers or leave them out")
    return np.asarray(table[list(columns)].to_numpy(dtype=np.float64))


def _first_text(column: Any) -> str:
    return next((str(value) for value in column if isinstance(value, str) and not _is_number(value)), str(column.iloc[0]))


def _target(cells: Array, name: str, path: Path) -> Array:
    """Integers if every cell is one, else floats if every cell is a number, else texts."""
    cells = np.char.strip(cells)
    empty = np.flatnonzero(cells == "")
    if len(empty):
        raise DataError(
            f"{path}: target {name!r} is missing in {plural(len(empty), 'row')}, "
            f"first in row {empty[0]} (counted from 0): fill it in"
        )
    for kind in (np.int64, np.float64):
        try:
            return cells.astype(kind)
        except (ValueError, OverflowError):
            continue
    numbers = sum(_is_number(str(cell)) for cell in cells)
    if 2 * numbers > len(cells):
        odd = next(i for i, cell in enumerate(cells) if not _is_number(str(cell)))
        raise DataError(
            f"{path}: target {name!r} mixes numbers and texts: row {odd} (counted from 0) has {cells[odd]!s}; use one kind only"
        )
    return cells


def _side_by_side(columns: list[Array]) -> Array:
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
