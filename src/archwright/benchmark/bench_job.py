"""`archwright bench`: run a benchmark, write its report, print its table."""

from __future__ import annotations

from archwright.benchmark.benchmark_folder import BenchmarkFolder
from archwright.benchmark.page import write_benchmark_report
from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.run_benchmark import left_out_lines, results_of, run_benchmark
from archwright.benchmark.table import benchmark_table, verdict_on
from archwright.study.time_plan import Skipped

FULL_TABLE_WIDTH = 170


def bench(request: BenchmarkRequest) -> BenchmarkFolder:
    """Run a benchmark to completion and write its report. Raises InputError for unknown or unsuitable options."""
    folder = run_benchmark(request)
    if not folder.report.exists() or folder.report.stat().st_mtime < folder.results.stat().st_mtime:
        write_benchmark_report(folder)
    return folder


def print_benchmark(folder: BenchmarkFolder) -> None:
    """Print the table of strategies, the verdict, the strategies left out, and the paths of the files."""
    from rich.console import Console

    results = results_of(folder)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FULL_TABLE_WIDTH)
    console.print(benchmark_table(results, essential=console.width < FULL_TABLE_WIDTH))
    console.print(f"\n{verdict_on(results)}", markup=False, soft_wrap=True)
    for line in left_out_lines([Skipped(**skipped) for skipped in results["left_out"]]):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"results: {folder.results}", markup=False, soft_wrap=True)
    console.print(f"report:  {folder.report}", markup=False, soft_wrap=True)
