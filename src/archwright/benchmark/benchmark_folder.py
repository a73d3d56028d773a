"""The folder of a benchmark: the request, the queries of every search, and the results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archwright.benchmark.tabular_search import Query, SimulatedSearch
from archwright.errors import RunFolderError
from archwright.ledger.json_file import create_json, read_json, write_json
from archwright.study.run_folder import refuse_occupied
from archwright.study.time_plan import Skipped

ASKED = "benchmark.json"


@dataclass(frozen=True)
class BenchmarkFolder:
    """Paths and files in a benchmark's folder."""

    path: Path

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def check(self, fixed: Mapping[str, Any]) -> None:
        """Raises RunFolderError if the folder holds anything but the requested benchmark."""
        if not (self.path / ASKED).exists():
            refuse_occupied(self.path, "benchmark")
            return
        before = read_json(self.path / ASKED)
        now = json.loads(json.dumps(fixed))
        changed = [key for key in now if before.get(key) != now[key]]
        if changed:
            changes = "; ".join(f"{key} was {before.get(key)!r} and is now {now[key]!r}" for key in changed)
            raise RunFolderError(
                f"{self.path} holds a benchmark with other options ({changes}): give another folder with --out, "
                "or repeat its command"
            )

    def claim(self, fixed: Mapping[str, Any]) -> None:
        """Begin the benchmark in this folder, unless it has begun already."""
        (self.path / "searches").mkdir(parents=True, exist_ok=True)
        create_json(self.path / ASKED, fixed)

    @property
    def chosen(self) -> tuple[list[str], list[Skipped]] | None:
        """The strategies that take part, and those left out; None before that is decided."""
        asked = read_json(self.path / ASKED)
        if "taking_part" not in asked:
            return None
        return asked["taking_part"], [Skipped(**skipped) for skipped in asked["left_out"]]

    def choose(self, names: Sequence[str], left_out: Sequence[Skipped]) -> None:
        """Record who takes part, so that the same command continues with the same strategies."""
        asked = read_json(self.path / ASKED)
        skipped = [{"name": s.name, "reason": s.reason} for s in left_out]
        write_json(self.path / ASKED, {**asked, "taking_part": list(names), "left_out": skipped})

    def searches(self, strategy: str) -> dict[int, SimulatedSearch]:
        """The finished searches of a strategy, by repeat. A line that was cut off by a kill is ignored."""
        file = self._file(strategy)
        if not file.exists():
            return {}
        return dict(pair for line in file.read_text(encoding="utf-8").split("\n") if (pair := _read_line(line)) is not None)

    def add(self, strategy: str, repeat: int, search: SimulatedSearch) -> None:
        """Record one search."""
        record = {
            "repeat": repeat,
            "proposals": search.proposals,
            "seconds": search.seconds,
            "longest": search.longest,
            "queries": [[query.number, query.valid, query.test, query.ended] for query in search.queries],
        }
        with self._file(strategy).open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(record, allow_nan=False))  # the line break first: it ends a line that was cut off

    def _file(self, strategy: str) -> Path:
        return self.path / "searches" / f"{quote(strategy, safe='')}.jsonl"


def _read_line(line: str) -> tuple[int, SimulatedSearch] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    queries = tuple(Query(*numbers) for numbers in record["queries"])
    return record["repeat"], SimulatedSearch(queries, record["proposals"], record["seconds"], record["longest"])
