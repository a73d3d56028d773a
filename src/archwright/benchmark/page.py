"""The report of a benchmark: a single HTML file that needs no network connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.benchmark.benchmark_folder import BenchmarkFolder
from archwright.benchmark.curves import DASH_WORDS, query_chart, time_chart
from archwright.benchmark.results import Regrets
from archwright.benchmark.run_benchmark import results_of
from archwright.benchmark.table import benchmark_columns, verdict_on
from archwright.benchmark.tabular_benchmark import SHIPPED
from archwright.papers import Note, Paper
from archwright.report.chart import SERIES_COLOURS, series_colour
from archwright.report.citations import bibtex, papers_of_space, papers_of_strategy
from archwright.report.html_template import filled_in, markup


def write_benchmark_report(folder: BenchmarkFolder) -> None:
    """Write the report of a finished benchmark, atomically."""
    text = benchmark_page(folder)
    with written_atomically(folder.report) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def benchmark_page(folder: BenchmarkFolder) -> str:
    """The whole page as text."""
    return filled_in(Path(__file__).parent / "templates" / "benchmark.html", _content(folder))


def _content(folder: BenchmarkFolder) -> dict[str, Any]:
    results = results_of(folder)
    names = [entry["name"] for entry in results["strategies"]]
    columns = benchmark_columns(results)
    return {
        "results": results,
        "facts": _facts(results),
        "verdict": verdict_on(results),
        "legend": [(name, series_colour(i), DASH_WORDS[i // SERIES_COLOURS % 4]) for i, name in enumerate(names)],
        **_charts(folder, results, names),
        "columns": columns,
        "rows": [(entry["like_the_best"], [column.text(entry) for column in columns]) for entry in results["strategies"]],
        "settings": [(e["name"], f"{k} = {v}") for e in results["strategies"] for k, v in e["settings"].items()],
        "bibtex": bibtex(_papers(results["benchmark"], names)),
    }


def _papers(benchmark: str, strategies: Iterable[str]) -> Iterator[Paper | Note]:
    """The papers of the strategies, and of the space of a table of the library, in which the table was published."""
    if benchmark in SHIPPED:
        yield from papers_of_space(SHIPPED[benchmark])
    for name in strategies:
        yield from papers_of_strategy(name)


def _facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("data set", results["dataset"]),
        ("queries", f"{results['queries']:,}"),
        ("repeats", f"{results['repeats']:,}"),
        ("in flight", str(results["in_flight"])),
        ("best validation", f"{results['best_valid']:.2f} %"),
        ("best test", f"{results['best_test']:.2f} %"),
    ]


def _charts(folder: BenchmarkFolder, results: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    repeats, queries = results["repeats"], results["queries"]
    recorded = {name: folder.searches(name) for name in names}
    searches = {name: [by_repeat[repeat] for repeat in range(repeats)] for name, by_repeat in recorded.items()}
    regrets = {name: Regrets.of(found, results["best_valid"], results["best_test"], queries) for name, found in searches.items()}
    return {
        "valid": markup(query_chart(regrets, "valid")),
        "test": markup(query_chart(regrets, "test")),
        "time": markup(time_chart(searches, regrets)) if results["simulated_time"] else None,
    }
