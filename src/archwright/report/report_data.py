"""All that a report is made of: what the run wrote down, gathered by the caller; nothing is read or trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, Literal

from archwright.data.problem import Problem, as_score
from archwright.formatting import finite

Row = Mapping[str, Any]
Curve = Sequence[Mapping[str, Any]]
Kind = Literal["mixture", "controller", "paths"]


@dataclass(frozen=True)
class BudgetPart:
    """One part of the run's time: what was set aside for it and what it took, in seconds (worker-seconds with several workers).

    `idle`: the share of its worker-seconds, between 0 and 1, in which no training ran; None where that was not counted.
    """

    name: str
    planned_seconds: float | None = None
    used_seconds: float | None = None
    idle: float | None = None


@dataclass(frozen=True)
class Supernet:
    """What a one-shot strategy's supernet left of its training.

    `record`: the content of its one_shot.json. `description`: what the space's `decide` returned for the architecture that it was
    discretized to, None where it did not get so far.
    """

    record: Mapping[str, Any]
    description: Any = None

    @property
    def epochs(self) -> Sequence[Mapping[str, Any]]:
        """One entry an epoch."""
        return self.record.get("epochs") or ()

    @property
    def edges(self) -> Sequence[Mapping[str, Any]]:
        """{name, candidates, target} of each edge that it mixes."""
        return self.record.get("edges") or ()

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """JSON of the architecture that it was discretized to."""
        architecture: Mapping[str, Any] | None = (self.record.get("discretization") or {}).get("architecture")
        return architecture

    @property
    def kind(self) -> Kind:
        """What was trained: a mixture with learned weights, what a controller drew, or uniformly drawn paths."""
        if any("controller_entropy" in entry for entry in self.epochs):
            return "controller"
        discretization = self.record.get("discretization")
        return "paths" if discretization is not None and discretization.get("supernet_score") is None else "mixture"


@dataclass(frozen=True)
class ReportData:
    """One run.

    `results`: the content of results.json. `rows`: the columns of candidates.csv, and `sequence` (order of completion) and
    `elapsed` (seconds that its strategy had searched when it was finished). `curves`: method -> one list per seed of records
    {epoch, train_loss, train_metric, val_loss, val_<metric>} of the final trainings. `architecture`: JSON of the best searched
    network, `description`: what its space's `decide` returned. `accesses`: the log of the test split, {reason, time}.
    `chance`: the test metric of always giving the commonest class. `command`: what was typed. `created`: a date, as it is to be
    shown. `folder`: the run folder, as its user would type it. `supernets`: by strategy, of those that are one-shot methods.
    `sample`: a text that the best language model made up.
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
    supernets: Mapping[str, Supernet] = field(default_factory=dict)
    sample: str = ""

    @property
    def metric(self) -> str:
        return self.problem.metric

    @property
    def methods(self) -> Sequence[Mapping[str, Any]]:
        return self.results.get("methods") or ()

    @cached_property
    def colours(self) -> dict[str, int]:
        """A number per method, the same in every picture: searches first."""
        names = [m["name"] for kind in ("search", "baseline") for m in self.methods if m.get("kind") == kind]
        return {name: i for i, name in enumerate(dict.fromkeys([*names, *self.searches]))}

    @cached_property
    def searches(self) -> dict[str, list[Row]]:
        """The candidates of each strategy's search, in order of completion."""
        searches: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.get("stage") == "search":
                searches.setdefault(str(row.get("strategy")), []).append(row)
        for rows in searches.values():
            rows.sort(key=lambda row: inf if (place := finite(row.get("sequence"))) is None else place)
        return searches

    @cached_property
    def complete(self) -> list[Row]:
        """The candidates of the search that have a validation metric; of one that was trained on, only where it went last."""
        complete = [row for row in self.rows if row.get("stage") == "search" and self._is_complete(row)]
        trained_on = {str(row.get("continues") or "") for row in complete}
        return [row for row in complete if str(row.get("number")) not in trained_on]

    @cached_property
    def retrained(self) -> dict[tuple[Any, Any], float]:
        """(strategy, key) -> mean validation metric of a candidate's final trainings."""
        values: dict[tuple[Any, Any], list[float]] = {}
        for row in self.rows:
            if row.get("stage") == "final" and self._is_complete(row):
                values.setdefault((row.get("strategy"), row.get("key")), []).append(self.value(row) or 0.0)
        return {key: sum(of) / len(of) for key, of in values.items()}

    def as_score(self, value: float | None) -> float:
        """A metric's value, turned so that higher is better; one that is missing is worse than all."""
        return -inf if value is None else as_score(self.metric, value)

    def value(self, row: Row) -> float | None:
        """The validation metric of a candidate."""
        return finite(row.get(f"val_{self.problem.metric}"))

    def _is_complete(self, row: Row) -> bool:
        return row.get("state") == "complete" and self.value(row) is not None
