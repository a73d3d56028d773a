"""All that a report is made of: what the run wrote down, gathered by the caller; nothing is read or trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archwright.data.problem import Problem
from archwright.study.quantities import finite

Row = Mapping[str, Any]
Curve = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class BudgetPart:
    """One part of the run's time: what was set aside for it and what it took, in seconds (worker-seconds with several workers)."""

    name: str
    planned_seconds: float | None = None
    used_seconds: float | None = None


@dataclass(frozen=True)
class ReportData:
    """One run.

    `results`: the content of results.json. `rows`: the columns of candidates.csv, and `sequence` (order of completion) and `elapsed`
    (seconds that its strategy had searched when it was finished). `curves`: method -> one list per seed of records
    {epoch, train_loss, train_metric, val_loss, val_<metric>} of the final trainings. `architecture`: JSON of the best searched
    network, `description`: what its space's `decide` returned. `accesses`: the log of the test split, {reason, time}.
    `chance`: the test metric of always giving the commonest class. `command`: what was typed. `created`: a date, as it is to be shown.
    `folder`: the run folder, as its user would type it.
    """

    results: Mapping[str, Any]
    problem: Problem
    space: str
    rows: Sequence[Row] = ()
    curves: Mapping[str, Sequence[Curve]] = field(default_factory=dict)
    architecture: Mapping[str, Any] | None = None
    description: Any = None
    accesses: Sequence[Mapping[str, Any]] = ()
    budget: Sequence[BudgetPart] = ()
    chance: float | None = None
    command: str = ""
    created: str = ""
    folder: str = "RUN"

    @property
    def metric(self) -> str:
        return self.problem.metric

    @property
    def methods(self) -> Sequence[Mapping[str, Any]]:
        return self.results.get("methods") or ()

    @property
    def colours(self) -> dict[str, int]:
        """A number per method, the same in every picture: searches first."""
        names = [m["name"] for kind in ("search", "baseline") for m in self.methods if m.get("kind") == kind]
        names += [str(row.get("strategy")) for row in self.rows if row.get("stage") == "search"]
        return {name: i for i, name in enumerate(dict.fromkeys(names))}

    def value(self, row: Row) -> float | None:
        """The validation metric of a candidate."""
        return finite(row.get(f"val_{self.metric}"))

    def complete(self, stage: str = "search") -> list[Row]:
        """The candidates of a stage that have a validation metric."""
        return [
            row for row in self.rows if row.get("stage") == stage and row.get("state") == "complete" and self.value(row) is not None
        ]
