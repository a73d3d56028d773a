"""The table of a benchmark's strategies: the same words in the terminal and on the page."""

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
    """A heading, what it means, and how a strategy's entry reads; `essential` ones are kept where there is little room."""

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
        BenchmarkColumn("rank", "by validation regret at the end, then by its mean over all queries", lambda s: str(s["rank"])),
        BenchmarkColumn("strategy", "by its name", lambda s: str(s["name"]), essential=True, numeric=False),
        *(_regret_column(n) for n in early),
        _regret_column(last, essential=True),
        BenchmarkColumn(
            f"test regret at {last}", "of the best by validation", lambda s: _with_error(s, "regret_test", last), essential=True
        ),
        BenchmarkColumn(
            "test accuracy", "of the best by validation at the end, %", lambda s: _number(s["test_accuracy"], s["test_accuracy_se"])
        ),
        BenchmarkColumn(
            "found the best", "repeats that found the best by validation", lambda s: f"{s['found_optimum']:.0%}", essential=True
        ),
        BenchmarkColumn("median queries", "to the best, over all repeats", lambda s: _count(s["queries_to_optimum"]["median"])),
        BenchmarkColumn("a proposal", "processor time, mean", lambda s: seconds_text(s["seconds_per_proposal"])),
        BenchmarkColumn("p", "against the best, Holm's correction", lambda s: p_text(s["p_value"]), essential=True),
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
    """A p-value with two digits."""
    return MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def benchmark_table(results: Mapping[str, Any], essential: bool = False) -> Table:
    """The table of strategies for the terminal, in bold those that are not told from the best; `essential` for a narrow one."""
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
