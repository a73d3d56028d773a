"""The main job in one call: search, final trainings, baselines, verdict, model and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.data.arrays import Arrays
from archwright.errors import InputError
from archwright.execute import rank_service
from archwright.ledger.json_file import read_json
from archwright.report.gather import gather
from archwright.report.page import write_report
from archwright.report.table import rich_table, text_table
from archwright.statistics.verdict import best_on_validation
from archwright.study.request import Request
from archwright.study.run_folder import RunFolder
from archwright.study.run_study import run_study

if TYPE_CHECKING:
    from torch import nn


FULL_TABLE_WIDTH = 200
"""Width in characters at which a terminal fits the whole table."""


@dataclass(frozen=True)
class Best:
    """The best searched network, selected on the validation split. `metric` is its method's mean on the test split."""

    name: str
    metric: float
    architecture: Mapping[str, Any]
    folder: Path

    @cached_property
    def model(self) -> nn.Module:
        """A plain module: raw inputs (B, *input_shape) -> (B, outputs), which are logits, or targets in their own units."""
        from archwright.export.model_folder import load_model

        return load_model(self.folder)


@dataclass(frozen=True)
class Result:
    """A finished run. `results` holds the contents of results.json."""

    path: Path
    results: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        return str(self.results["verdict"]["text"])

    @property
    def best(self) -> Best:
        """The best searched network. Raises InputError if no search has a complete final training."""
        searched = best_on_validation(self.results["methods"], "search")
        if searched is None:
            raise InputError(f"the run in {self.path} has no searched network whose final training completed: see its report")
        return Best(searched["name"], searched["mean"], searched["architecture"], RunFolder(self.path).model)

    def table(self) -> str:
        """The table of methods, as plain text."""
        return text_table(self.results)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report (default: report.html in the run folder) and return its path."""
        target = Path(path) if path is not None else RunFolder(self.path).report
        write_report(target, gather(self.path))
        return target


def search(source: str | Path | Arrays | tuple[Any, Any], **options: Any) -> Result:
    """Search, retrain the best, compare with baselines, and write a report; repeat the call to resume an interrupted run.

    `source`: the name of a data set, a path, `(x, y)`, or `Arrays`. `options`: those of `archwright search`, by the same names
    (`strategy`, `space`, `trials`, `minutes`, ...), `settings` for `--set`, and `random` for the opposite of `--no-random`; see
    `Request`. `space` and `strategy` may be objects. With the executor "mpi", under `mpiexec`, it returns on rank 0 only.
    Raises InputError, in one sentence that says how to fix it, for anything unknown or incompatible.
    """
    with rank_service(options.get("executor", "processes")):
        request = Request.of(source, options)
        result = run(request)
    if result is None:
        raise InputError(f"study {request.study!r} has finished: its results are in the folder where it was started")
    return result


def run(request: Request) -> Result | None:
    """Run a request to its end and write its report; None if this was a helper of a run that lives elsewhere (`Request.study`)."""
    folder = run_study(request)
    if not folder.results.exists():
        return None
    result = Result(folder.path, read_json(folder.results))
    if not folder.report.exists() or folder.report.stat().st_mtime < folder.results.stat().st_mtime:
        result.report()
    return result


def print_result(result: Result) -> None:
    """Print the table of methods, the verdict, what was skipped, and where the report and the model are."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FULL_TABLE_WIDTH)
    console.print(rich_table(result.results, essential=console.width < FULL_TABLE_WIDTH))
    console.print(f"\n{result.verdict}", markup=False)
    for skipped in result.results["skipped"]:
        console.print(f"left out: {skipped['name']}: {skipped['reason']}", markup=False)
    folder = RunFolder(result.path)
    console.print(f"report: {folder.report}", markup=False, soft_wrap=True)
    if folder.model.exists():
        console.print(f"model:  {folder.model}", markup=False, soft_wrap=True)


def rewrite_report(path: Path) -> Result:
    """Regenerate the report of a finished run. Raises RunFolderError if there is none."""
    data = gather(path)
    write_report(RunFolder(path).report, data)
    return Result(path, data.results)
