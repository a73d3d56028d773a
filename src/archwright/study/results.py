"""results.json: the final trainings of every method, the verdict, and what was left out, read from the ledger."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from archwright.cost.energy import energy_wh
from archwright.data.problem import Problem, as_score
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.statistics.intervals import TestRun, mean_with_interval
from archwright.study.final_trainings import Contender, rows_of
from archwright.study.run_folder import RunFolder
from archwright.study.time_plan import Skipped

PACKAGES = ("archwright", "torch", "lightning-fabric", "torchmetrics", "kornia", "optuna", "scikit-learn", "numpy", "onnx")


@dataclass(frozen=True)
class Method:
    """One method after its final trainings: the contender chosen on validation, and its complete runs by seed."""

    name: str
    kind: str
    metric: str
    contender: Contender | None
    runs: tuple[Row, ...]
    all_runs: tuple[Row, ...]

    @property
    def best_run(self) -> Row:
        """The run with the best validation metric; ties go to the first."""
        return max(self.runs, key=lambda row: as_score(self.metric, validation(row)))


def validation(row: Row) -> float:
    """The validation metric of a final training, which is the first metric of its outcome."""
    assert row.outcome is not None
    return next(iter(row.outcome.metrics.values()))


def method_of(name: str, kind: str, metric: str, contenders: Sequence[Contender], ledger: Ledger, plan: str) -> Method:
    """A method with its best contender: the one with the best mean validation metric over its seeds."""
    finished = [(c, rows_of(ledger, c, plan)) for c in contenders if c.method == name]
    complete = [(c, tuple(row for row in rows if row.state == "complete")) for c, rows in finished]
    usable = [(c, rows) for c, rows in complete if rows]
    contender, runs = max(usable, key=lambda pair: as_score(metric, mean(map(validation, pair[1]))), default=(None, ()))
    return Method(name, kind, metric, contender, runs, tuple(row for _, rows in finished for row in rows))


def method_json(method: Method, problem: Problem, ledger: Ledger, threads: int, device: str) -> dict[str, Any]:
    """The entry for a method in results.json.

    `search_seconds`: worker-seconds, summed over the trainings of its search, including a supernet's. `train_seconds`: one final
    training, mean over seeds. `predict_seconds`: the whole test split. `energy_wh`: an estimate for the search and all final
    trainings. Other costs: means over seeds.
    """
    searched = ledger.rows("search", method.name) if method.kind == "search" else ()
    supernets = ledger.rows("supernet", method.name) if method.kind == "search" else ()
    search_seconds = sum(row.outcome.worker_seconds for row in (*supernets, *searched) if row.outcome is not None)
    final_seconds = sum(row.outcome.worker_seconds for row in method.all_runs if row.outcome is not None)
    values = [row.outcome.test for row in method.runs if row.outcome is not None and row.outcome.test is not None]
    mean_value, interval = mean_with_interval(values) if values else (None, None)
    architecture = method.contender.architecture if method.contender is not None else None
    return {
        "name": method.name,
        "kind": method.kind,
        "metric": problem.metric,
        "mean": mean_value,
        "ci95": list(interval) if interval is not None else None,
        "runs": [_run_json(row) for row in method.runs],
        "parameters": _mean(method.runs, "parameters", whole=True),
        "macs": _mean(method.runs, "macs", whole=True),
        "peak_memory_mb": _mean(method.runs, "peak_memory_mb"),
        "latency_ms": _mean(method.runs, "latency_ms"),
        "search_seconds": search_seconds if method.kind == "search" else 0.0,
        "train_seconds": _mean(method.runs, "seconds"),
        "predict_seconds": _mean(method.runs, "predict_seconds"),
        "energy_wh": energy_wh(search_seconds + final_seconds, threads, device),
        "n_trials": sum(row.state in ("complete", "failed", "pruned") for row in searched),
        "architecture": architecture.to_json() if architecture is not None else None,
    }


def _run_json(row: Row) -> dict[str, Any]:
    assert row.outcome is not None
    return {"seed": row.seed, "value": row.outcome.test, "val": validation(row)}


def _mean(rows: Sequence[Row], name: str, whole: bool = False) -> float | int | None:
    values = [value for row in rows if row.outcome is not None and (value := getattr(row.outcome, name)) is not None]
    if not values:
        return None
    return round(mean(values)) if whole else float(mean(values))


def test_runs(method: Method, folder: RunFolder) -> list[TestRun]:
    """The predictions of each run on the test split, as stored by its training; the split itself is not read again."""
    runs = []
    for row in method.runs:
        with np.load(folder.training_of(row) / "test.npz", allow_pickle=False) as file:
            runs.append(TestRun(file["prediction"], file["target"], row.seed))
    return runs


test_runs.__test__ = False  # type: ignore[attr-defined]  # not a pytest test


def failures(methods: Sequence[Method]) -> list[Skipped]:
    """The final trainings that failed, per method, with their causes."""
    skipped = []
    for method in methods:
        failed = [row for row in method.all_runs if row.state == "failed"]
        if failed:
            causes = "; ".join(dict.fromkeys(row.cause for row in failed))
            skipped.append(Skipped(method.name, f"{len(failed)} of {len(method.all_runs)} final trainings failed: {causes}"))
        elif not method.all_runs:
            skipped.append(Skipped(method.name, "the search has no complete candidate to train"))
    return skipped


def problem_json(problem: Problem) -> dict[str, Any]:
    """The entry for the problem in results.json."""
    names = ("name", "task", "level", "metric", "input_shape", "n_train", "n_val", "n_test", "data_hash")
    return {name: problem.to_json()[name] for name in names}


def versions() -> dict[str, str]:
    """The versions of Python, the platform and the packages that produced the results."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in PACKAGES},
    }


def read_accesses(path: Path) -> list[Mapping[str, Any]]:
    """The access log of the test split: one record per read."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []
