"""Collects the data of a report from the run folder and the ledger."""

from __future__ import annotations

import csv
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archwright.architecture.architecture import Architecture
from archwright.data.problem import Problem
from archwright.data.problem_folder import open_problem
from archwright.errors import RunFolderError
from archwright.ledger.json_file import read_json
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.network.baselines import usual_baselines
from archwright.report.report_data import BudgetPart, ReportData, Supernet
from archwright.search_space import make_space, usual_space
from archwright.statistics.verdict import best_on_validation
from archwright.study.one_shot_results import record_of
from archwright.study.request import Request
from archwright.study.results import read_accesses
from archwright.study.run_folder import RunFolder


def gather(path: Path) -> ReportData:
    """The report's data of a finished run. Raises RunFolderError if there is no finished run in the folder."""
    folder = RunFolder(path)
    folder.check_begun()
    if not folder.results.exists():
        raise RunFolderError(f"the run in {path} is not finished (no results.json): repeat its command to continue it")
    results = read_json(folder.results)
    problem = open_problem(folder.data).problem
    with Ledger.open(folder.asked["storage"], path, folder.run_id, coordinate=False) as ledger:
        rows = ledger.rows()
    searched = best_on_validation(results["methods"], "search")
    architecture = searched["architecture"] if searched is not None else None
    settings = results["settings"]
    return ReportData(
        results=results,
        problem=problem,
        space=settings["space"],
        rows=_records(rows, folder.candidates),
        curves=_curves(results["methods"], rows),
        architecture=architecture,
        description=description_of(architecture),
        accesses=read_accesses(folder.test_accesses),
        budget=_budget(settings, rows),
        chance=_chance(folder, results),
        command=_command(settings, path, problem),
        folder=str(path),
        supernets=_supernets(folder, rows),
        sample=_sample(folder, problem),
        created=datetime.fromtimestamp(folder.results.stat().st_mtime).strftime("%Y-%m-%d %H:%M"),
    )


def _sample(folder: RunFolder, problem: Problem) -> str:
    """A text sampled from the saved model; empty if there is no model or its task is not language modelling."""
    if problem.level is None or not folder.model.exists():
        return ""
    from archwright.export.model_folder import load_model
    from archwright.export.text_likelihood import sample_text

    return sample_text(load_model(folder.model))


def _records(rows: Sequence[Row], table: Path) -> list[dict[str, Any]]:
    """The rows of candidates.csv, each with its place in the order of completion and the worker-seconds searched by then."""
    elapsed: Counter[str] = Counter()
    for row in rows:
        if row.stage == "supernet" and row.outcome is not None:
            elapsed[row.strategy] += row.outcome.worker_seconds  # type: ignore[assignment]  # a Counter adds up any numbers
    searched = {}
    for row in sorted((r for r in rows if r.stage == "search" and r.sequence is not None), key=lambda r: (r.strategy, r.sequence)):
        if row.outcome is not None:
            elapsed[row.strategy] += row.outcome.worker_seconds  # type: ignore[assignment]
        searched[row.run_number] = elapsed[row.strategy]
    sequence = {row.run_number: row.sequence for row in rows}
    with table.open(encoding="utf-8", newline="") as file:
        numbered = [(int(record["number"]), record) for record in csv.DictReader(file)]
    return [{**record, "sequence": sequence.get(n), "elapsed": searched.get(n)} for n, record in numbered]


def _curves(methods: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> dict[str, list[Sequence[Mapping[str, Any]]]]:
    """The learning curves, by method, of the final trainings that count in the table of methods."""
    curves: dict[str, list[Sequence[Mapping[str, Any]]]] = {}
    for method in methods:
        seeds = {run["seed"] for run in method["runs"]}
        of_method = [row for row in rows if row.stage in ("final", "baseline") and method["name"] in (row.strategy, row.baseline)]
        wanted = [row for row in of_method if row.seed in seeds and _same_architecture(row, method) and row.outcome is not None]
        last = {
            row.seed: row.outcome.curve for row in wanted if row.outcome is not None
        }  # the last one, if there were several budgets
        curves[method["name"]] = [curve for curve in last.values() if curve]
    return curves


def _same_architecture(row: Row, method: Mapping[str, Any]) -> bool:
    return row.architecture is None or row.architecture.to_json() == method["architecture"]


def _supernets(folder: RunFolder, rows: Sequence[Row]) -> dict[str, Supernet]:
    """The supernet of each one-shot strategy that left a record of it, even one whose training failed."""
    found = {}
    for row in rows:
        record = record_of(folder.training_of(row)) if row.stage == "supernet" else None
        if record is not None:
            supernet = Supernet(record)
            found[row.strategy] = replace(supernet, description=description_of(supernet.architecture))
    return found


def description_of(architecture: Mapping[str, Any] | None) -> Any:
    """What `decide` of its space returned for an architecture given as JSON; None for None."""
    if architecture is None:
        return None
    return make_space(architecture["space"], architecture["settings"]).describe(Architecture.from_json(architecture))


def _budget(settings: Mapping[str, Any], rows: Sequence[Row]) -> list[BudgetPart]:
    """The worker-seconds planned for each stage and used by it; supernets count as search."""
    used: Counter[str] = Counter()
    for row in rows:
        stage = "search" if row.stage == "supernet" else row.stage
        used[stage] += row.outcome.worker_seconds if row.outcome is not None else 0.0  # type: ignore[assignment]
    parts = []
    for stage, name in (("search", "search"), ("final", "final"), ("baseline", "baselines")):
        whole = 60 * settings["minutes"] * settings["workers"] if settings["minutes"] else None
        planned = whole * settings["budget"][name] if whole else None
        parts.append(BudgetPart(name, planned, float(used[stage]), settings.get("idle", {}).get(stage)))
    return [*parts, *([BudgetPart("scores with shared weights", None, used["shared_scores"])] if used["shared_scores"] else [])]


def _chance(folder: RunFolder, results: Mapping[str, Any]) -> float | None:
    """The accuracy of always predicting the most common class of the training split; None for other tasks."""
    if results["problem"]["task"] != "classification":
        return None
    import numpy as np

    counts = np.bincount(np.load(folder.data / "train" / "y.npy", allow_pickle=False))
    return float(counts.max() / counts.sum())


def _command(settings: Mapping[str, Any], path: Path, problem: Problem) -> str:
    """The command of this run, without the options that have their default value."""
    usual = Request(settings["source"]).with_usual(usual_space(problem), usual_baselines(problem)).fixed()
    usual |= {"trials": None, "minutes": None}
    words = ["archwright", "search", settings["source"]]
    for field in fields(Request):
        name, value = field.name, settings.get(field.name)
        if name in usual and name not in ("source", "settings", "random") and value != usual[name]:
            option = field.metadata.get("option", name).replace("_", "-")
            words += [f"--{option}", ",".join(value) if isinstance(value, list) else f"{value}"]
    words += [] if settings["random"] else ["--no-random"]
    words += [word for key, value in settings["settings"].items() for word in ("--set", f"{key}={value}")]
    return shlex.join([*words, "--out", path.name])
