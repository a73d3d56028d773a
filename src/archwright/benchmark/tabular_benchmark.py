"""Tables of trained architectures: a search on one takes seconds and is easy to reproduce."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Self

from archwright.architecture.architecture import Architecture, answers_as_text
from archwright.errors import DataError, InputError, UnknownName, did_you_mean
from archwright.evaluate.history import key_of
from archwright.search_space import SearchSpace, make_space

ARCHITECTURE = "architecture"
VALID, TEST, SECONDS = "valid", "test", "seconds"
FOLDER = Path(__file__).parent / "tables"
SHIPPED = {"nasbench201": "nasbench201"}
"""The tables of the library -> the space of their architectures; NAME.csv.gz is in the folder `tables`."""


@dataclass(frozen=True)
class TableEntry:
    """The results of one architecture: `valid` and `test` accuracy in percent, `seconds` of training if the table has them."""

    valid: float
    test: float
    seconds: float | None = None


@dataclass(frozen=True)
class TabularBenchmark:
    """The trained architectures of a space on one data set. A search may only see `valid`; `test` is for the report.

    `entries`: the results of each architecture, by its answers as text. `source`: the file that they come from.
    """

    name: str
    dataset: str
    space: SearchSpace
    entries: Mapping[str, TableEntry]
    source: str = ""

    @classmethod
    def read(cls, path: Path, space: SearchSpace, dataset: str | None = None) -> Self:
        """A CSV file (or .csv.gz) with the columns `architecture`, `DATASET_valid`, `DATASET_test`, optionally `DATASET_seconds`.

        An architecture is written in the form that the space's `from_string` reads, or as JSON of its answers. `dataset` may be
        None if the table has only one. Raises DataError, with the line, for anything missing or unreadable.
        """
        from archwright.data.csv_file import read_header, read_text  # NumPy

        text = read_text(path)
        header, delimiter = read_header(text, path)
        chosen = _chosen_dataset(header, dataset, path)
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        next(rows)
        name = path.name.removesuffix(".gz").removesuffix(".csv")
        return cls(name, chosen, space, _read_entries(rows, header, chosen, space, path), str(path))

    @cached_property
    def best_valid(self) -> float:
        """The table's best validation accuracy in percent: regret is the distance from it."""
        return max(entry.valid for entry in self.entries.values())

    @cached_property
    def best_test(self) -> float:
        """The table's best test accuracy in percent."""
        return max(entry.test for entry in self.entries.values())

    @cached_property
    def timed(self) -> bool:
        """Whether the table has training times."""
        return all(entry.seconds is not None for entry in self.entries.values())

    def entry(self, architecture: Architecture) -> TableEntry:
        """The results of an architecture: the row with exactly its answers, else the first row of an equal network.

        Raises InputError if the table has neither.
        """
        found = self.entries.get(answers_as_text(architecture.answers))
        if found is None:
            found = self._by_key.get(key_of(self.space, architecture))
        if found is None:
            raise InputError(
                f"{self.source or self.name} has no row for the architecture {json.dumps(dict(architecture.answers))} of space "
                f"{self.space.name!r}: a benchmark needs a row for each network of its space; add it, or give a smaller space"
            )
        return found

    @cached_property
    def _by_key(self) -> dict[str, TableEntry]:
        first: dict[str, TableEntry] = {}
        for answers, entry in self.entries.items():
            first.setdefault(key_of(self.space, self.space.architecture(json.loads(answers))), entry)
        return first


def shipped_benchmark(name: str, dataset: str | None = None) -> TabularBenchmark:
    """A table of the library, such as `nasbench201` with `cifar10`. Raises InputError for an unknown name or data set."""
    path = shipped_file(name)
    return TabularBenchmark.read(path, make_space(SHIPPED[name]), dataset)


def shipped_file(name: str) -> Path:
    """The file of the library's table with this name. Raises UnknownName."""
    if name not in SHIPPED:
        names = ", ".join(SHIPPED)
        raise UnknownName(
            f"there is no benchmark {name!r}{did_you_mean(name, SHIPPED)}: choose from {names}, or give a .csv file with --space"
        )
    return FOLDER / f"{name}.csv.gz"


def _chosen_dataset(header: list[str], dataset: str | None, path: Path) -> str:
    if ARCHITECTURE not in header:
        raise DataError(
            f"{path} has no column {ARCHITECTURE!r}: the columns are {', '.join(header)}; rename the one with the architectures"
        )
    known = [name.removesuffix(f"_{VALID}") for name in header if name.endswith(f"_{VALID}")]
    if not known:
        raise DataError(f"{path} has no column DATASET_{VALID}, such as cifar10_{VALID}: the columns are {', '.join(header)}")
    if dataset is None and len(known) > 1:
        raise InputError(f"{path} holds several data sets: choose one with --dataset from {', '.join(known)}")
    chosen = known[0] if dataset is None else dataset
    if chosen not in known:
        raise InputError(f"{path} has no data set {chosen!r}: choose from {', '.join(known)}")
    if f"{chosen}_{TEST}" not in header:
        raise DataError(f"{path} has a column {chosen}_{VALID} but no {chosen}_{TEST}: add it")
    return chosen


def _read_entries(
    rows: Iterator[list[str]], header: list[str], dataset: str, space: SearchSpace, path: Path
) -> dict[str, TableEntry]:
    entries: dict[str, TableEntry] = {}
    for line, cells in enumerate(rows, start=2):
        if not cells:
            continue
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise DataError(f"{where} has {len(cells)} cells, but the header has {len(header)}: give every row as many")
        row = dict(zip(header, cells, strict=True))
        answers = answers_as_text(_architecture(row[ARCHITECTURE], space, where).answers)
        entry = _entry(row, dataset, where)
        if entries.setdefault(answers, entry) != entry:
            raise DataError(f"{where}: {row[ARCHITECTURE]} occurred before with other numbers: keep one row per architecture")
    if not entries:
        raise DataError(f"{path} has a header but no rows: add trained architectures")
    return entries


def _architecture(text: str, space: SearchSpace, where: str) -> Architecture:
    """The architecture in a cell: JSON of its answers, or the form that the space's `from_string` reads."""
    try:
        if text.lstrip().startswith("{"):
            return space.architecture(json.loads(text))
        if hasattr(space, "from_string"):
            read: Architecture = space.from_string(text)
            return read
    except ValueError as error:
        raise DataError(f"{where}: the architecture cannot be read: {error}") from error
    example = answers_as_text(next(space.enumerate()).answers)
    raise DataError(
        f"{where}: {text!r} is not JSON of answers, such as {example}, and space {space.name!r} has no text form of its own (a "
        "method from_string): write the answers as JSON"
    )


def _entry(row: Mapping[str, str], dataset: str, where: str) -> TableEntry:
    valid, test = (_number(row, f"{dataset}_{metric}", where) for metric in (VALID, TEST))
    seconds = _number(row, f"{dataset}_{SECONDS}", where) if f"{dataset}_{SECONDS}" in row else None
    if seconds is not None and seconds < 0:
        raise DataError(f"{where}, column {dataset}_{SECONDS}: a training cannot take {seconds} seconds: correct the value")
    return TableEntry(valid, test, seconds)


def _number(row: Mapping[str, str], column: str, where: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise DataError(f"{where}, column {column}: {row[column]!r} is not a finite number: fill it in, or remove the row")
    return number
