"""The table of a benchmark's strategies: the same words in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.study.quantities import MISSING, plural, seconds_text

if TYPE_CHECKING:
    from rich.table import Table

Entry = Mapping[str, Any]
SHOWN_AT = (50, 100)


@dataclass(frozen=True)
class BenchmarkColumn:
    """A heading, what it means, and how a strategy's entry reads."""

    heading: str
    meaning: str
    text: Callable[[Entry], str]
    numeric: bool = True


def benchmark_columns(results: Mapping[str, Any]) -> tuple[BenchmarkColumn, ...]:
    """All columns of the table of strategies."""
    last = str(results["queries"])
    early = [n for n in map(str, SHOWN_AT) if int(n) < results["queries"]]
    return (
        BenchmarkColumn("rank", "by validation regret at the end, then by its mean over all queries", lambda s: str(s["rank"])),
        BenchmarkColumn("strategy", "by its name", lambda s: str(s["name"]), numeric=False),
        *(_regret_column(n) for n in (*early, last)),
        BenchmarkColumn(f"test regret at {last}", "of the best by validation", lambda s: _with_error(s, "regret_test", last)),
        BenchmarkColumn(
            "test accuracy", "of the best by validation at the end, %", lambda s: _number(s["test_accuracy"], s["test_accuracy_se"])
        ),
        BenchmarkColumn("at the best", "repeats that found the best network by validation", lambda s: f"{s['found_optimum']:.0%}"),
        BenchmarkColumn("median queries to it", "over all repeats", lambda s: _count(s["queries_to_optimum"]["median"])),
        BenchmarkColumn("a proposal", "processor time, mean", lambda s: seconds_text(s["seconds_per_proposal"])),
        BenchmarkColumn("p", "against the best, Holm's correction", lambda s: p_text(s["p_value"])),
    )


def _regret_column(n: str) -> BenchmarkColumn:
    return BenchmarkColumn(f"regret at {n}", "validation, percentage points", lambda s: _with_error(s, "regret_valid", n))


def _with_error(entry: Entry, key: str, at: str) -> str:
    return _number(entry[key][at], entry[f"{key}_se"][at])


def _number(value: float, error: float | None) -> str:
    return f"{value:.2f}" if error is None else f"{value:.2f} ± {error:.2f}"


def _count(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0f}"


def p_text(p: float | None) -> str:
    """A p-value with two digits."""
    return MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def benchmark_table(results: Mapping[str, Any]) -> Table:
    """The table of strategies for the terminal; in bold those that are not told from the best."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title_of(results)), title_justify="left")
    columns = benchmark_columns(results)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.numeric else "left", overflow="fold")
    for entry in results["strategies"]:
        style = "bold" if entry["like_the_best"] else None
        table.add_row(*(escape(column.text(entry)) for column in columns), style=style)
    return table


def title_of(results: Mapping[str, Any]) -> str:
    """What was measured, in a line."""
    return (
        f"{results['benchmark']}, {results['dataset']}: {plural(results['queries'], 'query', 'queries')}, "
        f"{plural(results['repeats'], 'repeat')}; mean ± standard error, regret in percentage points"
    )


def verdict_on(results: Mapping[str, Any]) -> str:
    """Which strategy came out best, and which cannot be told from it."""
    best, *others = results["strategies"]
    if not others:
        return f"{best['name']} was not compared: name several strategies."
    if results["repeats"] < 2:
        return f"{best['name']} has the lowest regret, in a single repeat: nothing can be said of noise."
    alike = [entry["name"] for entry in others if entry["like_the_best"]]
    what = f"{best['name']} has the lowest mean validation regret after {plural(results['queries'], 'query', 'queries')}"
    if not alike:
        return f"{what}, and each other strategy's is higher beyond noise (p < 0.05)."
    rest = ", the others can" if len(alike) < len(others) else ""
    return f"{what}; {_listed(alike)} cannot be told from it (p ≥ 0.05){rest}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
