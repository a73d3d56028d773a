"""The data of a report, gathered by the caller; nothing is read or trained here."""

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
    """The time of one stage of a run, planned and used, in worker-seconds.

    `idle`: the share of its worker-seconds, in [0, 1], in which no training ran; None if not measured.
    """

    name: str
    planned_seconds: float | None = None
    used_seconds: float | None = None
    idle: float | None = None


@dataclass(frozen=True)
class Supernet:
    """What a one-shot strategy's supernet left of its training.

    `record`: the content of its one_shot.json. `description`: what the space's `decide` returned for the architecture that it was
    discretized to, None if it did not get that far.
    """

    record: Mapping[str, Any]
    description: Any = None

    @property
    def epochs(self) -> Sequence[Mapping[str, Any]]:
        """One entry per epoch."""
        return self.record.get("epochs") or ()

    @property
    def edges(self) -> Sequence[Mapping[str, Any]]:
        """{name, candidates, target} of each mixed edge."""
        return self.record.get("edges") or ()

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """JSON of the architecture that it was discretized to."""
        architecture: Mapping[str, Any] | None = (self.record.get("discretization") or {}).get("architecture")
        return architecture

    @property
    def kind(self) -> Kind:
        """What was trained: a mixture with learned weights, paths drawn by a controller, or paths drawn uniformly."""
        if any("controller_entropy" in entry for entry in self.epochs):
            return "controller"
        discretization = self.record.get("discretization")
        return "paths" if discretization is not None and discretization.get("supernet_score") is None else "mixture"


@dataclass(frozen=True)
class ReportData:
    """One run.

    `results`: the content of results.json. `rows`: the columns of candidates.csv, and `sequence` (order of completion) and
    `elapsed` (worker-seconds that its strategy had searched by then). `curves`: method -> one list per seed of records
    {epoch, train_loss, train_metric, val_loss, val_<metric>} of the final trainings. `architecture`: JSON of the best searched
    network, `description`: what its space's `decide` returned. `accesses`: the log of the test split, {reason, time}.
    `chance`: the accuracy of always predicting the most common class. `command`: what was typed. `created`: the date, as it is
    shown. `folder`: the run folder, as the user would type it. `supernets`: by strategy, for one-shot methods.
    `sample`: a text sampled from the best language model.
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
        """The colour number of each method, the same in every chart; searches first."""
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
        """The candidates of the search with a validation metric; of one whose training was continued, only the last part."""
        complete = [row for row in self.rows if row.get("stage") == "search" and self._is_complete(row)]
        continued = {str(row.get("continues") or "") for row in complete}
        return [row for row in complete if str(row.get("number")) not in continued]

    @cached_property
    def retrained(self) -> dict[tuple[Any, Any], float]:
        """(strategy, key) -> mean validation metric of a candidate's final trainings."""
        values: dict[tuple[Any, Any], list[float]] = {}
        for row in self.rows:
            if row.get("stage") == "final" and self._is_complete(row):
                values.setdefault((row.get("strategy"), row.get("key")), []).append(self.value(row) or 0.0)
        return {key: sum(of) / len(of) for key, of in values.items()}

    def as_score(self, value: float | None) -> float:
        """A value of the metric as a score, higher is better; a missing one is the lowest."""
        return -inf if value is None else as_score(self.metric, value)

    def value(self, row: Row) -> float | None:
        """The validation metric of a candidate."""
        return finite(row.get(f"val_{self.problem.metric}"))

    def _is_complete(self, row: Row) -> bool:
        return row.get("state") == "complete" and self.value(row) is not None
