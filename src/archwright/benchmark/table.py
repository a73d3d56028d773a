"""The table of a benchmark's strategies, worded alike in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.formatting import MISSING, plural, seconds_text

if TYPE_CHECKING:
    from rich.table import Table

Entry = Mapping[str, Any]
SHOWN_AT = (50, 100)


@dataclass(frozen=True)
class BenchmarkColumn:
    """A heading, its meaning, and how to format a strategy's entry; `essential` columns stay where there is little room."""

    heading: str
    meaning: str
    text: Callable[[Entry], str]
    essential: bool = False
    numeric: bool = True


def benchmark_columns(results: Mapping[str, Any]) -> tuple[BenchmarkColumn, ...]:
    """All columns of the table of strategies."""
    last = str(results["queries"])
    early = [n for n in map(str, SHOWN_AT) if int(n) < results["queries"]]
    return (
        BenchmarkColumn("rank", "by final validation regret, then by its mean over all queries", lambda s: str(s["rank"])),
        BenchmarkColumn("strategy", "its name", lambda s: str(s["name"]), essential=True, numeric=False),
        *(_regret_column(n) for n in early),
        _regret_column(last, essential=True),
        BenchmarkColumn(
            f"test regret at {last}",
            "of the best network by validation",
            lambda s: _with_error(s, "regret_test", last),
            essential=True,
        ),
        BenchmarkColumn(
            "test accuracy",
            "of the final best network by validation, %",
            lambda s: _number(s["test_accuracy"], s["test_accuracy_se"]),
        ),
        BenchmarkColumn(
            "found the best",
            "share of repeats that found the best network by validation",
            lambda s: f"{s['found_optimum']:.0%}",
            essential=True,
        ),
        BenchmarkColumn(
            "median queries", "to the best network, over all repeats", lambda s: _count(s["queries_to_optimum"]["median"])
        ),
        BenchmarkColumn("per proposal", "mean processor time", lambda s: seconds_text(s["seconds_per_proposal"])),
        BenchmarkColumn("p", "against the best strategy, with Holm's correction", lambda s: p_text(s["p_value"]), essential=True),
    )


def _regret_column(n: str, essential: bool = False) -> BenchmarkColumn:
    meaning = "validation, percentage points"
    return BenchmarkColumn(f"regret at {n}", meaning, lambda s: _with_error(s, "regret_valid", n), essential)


def _with_error(entry: Entry, key: str, at: str) -> str:
    return _number(entry[key][at], entry[f"{key}_se"][at])


def _number(value: float, error: float | None) -> str:
    return f"{value:.2f}" if error is None else f"{value:.2f} ± {error:.2f}"


def _count(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0f}"


def p_text(p: float | None) -> str:
    """A p-value with two or three decimals."""
    return MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def benchmark_table(results: Mapping[str, Any], essential: bool = False) -> Table:
    """The table of strategies for the terminal, in bold those not worse than the best; only `essential` columns if asked."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title_of(results)), title_justify="left")
    columns = [column for column in benchmark_columns(results) if column.essential or not essential]
    for column in columns:
        table.add_column(column.heading, justify="right" if column.numeric else "left", no_wrap=not column.numeric)
    for entry in results["strategies"]:
        style = "bold" if entry["like_the_best"] else None
        table.add_row(*(escape(column.text(entry)) for column in columns), style=style)
    return table


def title_of(results: Mapping[str, Any]) -> str:
    """What was measured, in one line."""
    return (
        f"{results['benchmark']}, {results['dataset']}: {plural(results['queries'], 'query', 'queries')}, "
        f"{plural(results['repeats'], 'repeat')}; mean ± standard error, regret in percentage points"
    )


def verdict_on(results: Mapping[str, Any]) -> str:
    """Which strategy is best, and which cannot be distinguished from it."""
    best, *others = results["strategies"]
    if not others:
        return f"{best['name']} was the only strategy: name several to compare them."
    if results["repeats"] < 2:
        return f"{best['name']} has the lowest regret in a single repeat, which says nothing about noise."
    alike = [entry["name"] for entry in others if entry["like_the_best"]]
    what = f"{best['name']} has the lowest mean validation regret after {plural(results['queries'], 'query', 'queries')}"
    if not alike:
        return f"{what}, and that of every other strategy is significantly higher (p < 0.05)."
    rest = ", the others are" if len(alike) < len(others) else ""
    verb = "is" if len(alike) == 1 else "are"
    return f"{what}; {_listed(alike)} {verb} not significantly worse (p ≥ 0.05){rest}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
