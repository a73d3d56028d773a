"""The request for a benchmark: one object for the command line and for Python."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

from archwright.benchmark.tabular_benchmark import SHIPPED, TabularBenchmark, shipped_benchmark, shipped_file
from archwright.errors import InputError, UnknownSetting
from archwright.search_space import make_space
from archwright.settings import listed, option, settings_of
from archwright.study.strategies_by_name import all_strategy_names

ALL = "all"
TABLES = (".csv", ".csv.gz")


@dataclass(frozen=True)
class BenchmarkRequest:
    """A requested benchmark: each strategy searches the table `repeats` times, with `queries` lookups each.

    `benchmark`: a table of the library by name, or a .csv file together with its `space`. `strategies`: names; `all` means
    those that can search a table and are fast. `settings` holds `--set KEY=VALUE`: `NAME.K` for a strategy, `space.K`.
    """

    benchmark: str = option(MISSING, "A built-in benchmark table (nasbench201), or a .csv file of your own.")
    dataset: str | None = option(None, "Data set in the table: columns DATASET_valid, DATASET_test. Required if there are several.")
    space: str | None = option(None, "Search space of your own table: a name or module:Class.")
    strategies: tuple[str, ...] = option(
        (ALL,), "Strategies, comma-separated; 'all' omits slow ones unless they are named as well."
    )
    queries: int = option(300, "Query budget per search, in distinct networks.")
    repeats: int = option(100, "Searches per strategy.")
    seed: int = option(0, "Seed of the first repeat; each further repeat adds one.")
    workers: int | None = option(None, "Number of worker processes. Default: one per core.")
    in_flight: int = option(1, "Queries pending at any time in each search.")
    out: Path | None = option(None, "Output folder. Default: runs/bench-BENCHMARK-DATASET.")
    settings: Mapping[str, Any] = option({}, "Change a setting; may be repeated.", option="set", metavar="KEY=VALUE")

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategies", listed(self.strategies))
        for name, least in (("queries", 1), ("repeats", 1), ("workers", 1), ("in_flight", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}: give a whole number of at least {least}")
        if not self.strategies:
            raise InputError(f"no strategy was given: name at least one, or {ALL!r}")
        twice = sorted({name for name in self.strategies if self.strategies.count(name) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} is named more than once: name each strategy once")
        if self.own_table and self.space is None:
            raise InputError(f"{self.benchmark} is a table of your own: give the space of its architectures with --space")
        if not self.own_table and (self.space is not None or self.settings_for("space")):
            raise InputError(f"benchmark {self.benchmark!r} has its own space: leave out --space and its settings")
        self._check_settings()

    @property
    def own_table(self) -> bool:
        """Whether the benchmark is a file rather than a table of the library."""
        return self.benchmark not in SHIPPED and self.benchmark.endswith(TABLES)

    @property
    def folder(self) -> Path:
        """`out`, or runs/bench-BENCHMARK-DATASET."""
        if self.out is not None:
            return Path(self.out)
        return Path("runs") / "-".join(["bench", Path(self.benchmark).name.partition(".")[0], self.dataset or "table"])

    @property
    def candidates(self) -> tuple[str, ...]:
        """The strategies that may take part: those named, and with `all` every other one as well."""
        if ALL not in self.strategies:
            return self.strategies
        named = tuple(name for name in self.strategies if name != ALL)
        return (*named, *(name for name in all_strategy_names() if name not in named))

    def settings_for(self, owner: str) -> dict[str, Any]:
        """The part of `--set` that begins with `owner.`, without that prefix."""
        return {key[len(owner) + 1 :]: value for key, value in self.settings.items() if key.rpartition(".")[0] == owner}

    def _check_settings(self) -> None:
        known = ["space", *self.candidates]
        for key in self.settings:
            owner, dot, _ = key.rpartition(".")
            if not dot or owner not in known:
                raise UnknownSetting(f"--set {key}: begin the key with one of {', '.join(f'{name}.' for name in known)}")

    @property
    def file(self) -> Path:
        """The file of the table. Raises InputError if it does not exist."""
        path = Path(self.benchmark) if self.own_table else shipped_file(self.benchmark)
        if not path.is_file():
            raise InputError(f"there is no file {path}: give a table of the library ({', '.join(SHIPPED)}) or a .csv file")
        return path

    def load(self) -> TabularBenchmark:
        """The validated table. Raises InputError."""
        path = self.file
        if not self.own_table:
            return shipped_benchmark(self.benchmark, self.dataset)
        assert self.space is not None
        return TabularBenchmark.read(path, make_space(self.space, self.settings_for("space")), self.dataset)

    def fixed(self, benchmark: TabularBenchmark) -> dict[str, Any]:
        """What must be the same when the benchmark is continued, as JSON."""
        return {
            "benchmark": benchmark.name,
            "dataset": benchmark.dataset,
            "table_hash": hashlib.sha256(self.file.read_bytes()).hexdigest(),
            "space": {"name": benchmark.space.reference, "settings": settings_of(benchmark.space)},
            "strategies": list(self.strategies),
            "settings": {key: str(value) for key, value in sorted(self.settings.items())},
            "queries": self.queries,
            "repeats": self.repeats,
            "seed": self.seed,
            "in_flight": self.in_flight,
        }
