"""The table of methods, worded alike in the terminal, in plain text and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from archwright.data.problem import LOWER_IS_BETTER, as_score
from archwright.formatting import (
    MISSING,
    count_text,
    energy_text,
    interval_text,
    memory_text,
    metric_name,
    metric_text,
    milliseconds_text,
    seconds_text,
)
from archwright.statistics.verdict import validation_mean

if TYPE_CHECKING:
    from rich.table import Table

Method = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A heading, its meaning, and how to format a method's entry.

    `about`: the method's name, its quality or its cost. `essential` columns stay where there is little room.
    """

    heading: str
    meaning: str
    about: Literal["name", "quality", "cost"]
    text: Callable[[Method], str]
    essential: bool = False
    numeric: bool = True


def columns(metric: str) -> tuple[Column, ...]:
    """All columns of the table of methods."""
    name = metric_name(metric)
    direction = ", lower is better" if metric in LOWER_IS_BETTER else ""
    return (
        Column("method", "searched networks first", "name", lambda m: str(m["name"]), essential=True, numeric=False),
        Column("kind", "searched or baseline", "name", _kind, numeric=False),
        Column(
            f"test {name}", f"mean over seeds{direction}", "quality", lambda m: metric_text(metric, m.get("mean")), essential=True
        ),
        Column(
            "95 % interval", "of the mean over seeds", "quality", lambda m: interval_text(metric, m.get("ci95")), essential=True
        ),
        Column("seeds", "final trainings", "quality", lambda m: str(len(m.get("runs") or ())), essential=True),
        Column("validation", f"mean {name} on the validation split", "quality", lambda m: metric_text(metric, validation_mean(m))),
        Column("parameters", "trainable parameters", "cost", lambda m: count_text(m.get("parameters")), essential=True),
        Column("MACs", "multiply-accumulate operations per sample", "cost", lambda m: count_text(m.get("macs"))),
        Column("peak memory", "of the training process", "cost", lambda m: memory_text(m.get("peak_memory_mb"))),
        Column("latency", "of one sample", "cost", lambda m: milliseconds_text(m.get("latency_ms"))),
        Column("search", "training time of all trials", "cost", lambda m: _if_searched(seconds_text(m.get("search_seconds")), m)),
        Column("training", "time of a final training", "cost", lambda m: seconds_text(m.get("train_seconds")), essential=True),
        Column("prediction", "time for the whole test split", "cost", lambda m: seconds_text(m.get("predict_seconds"))),
        Column("energy", "estimated, search and retraining together", "cost", lambda m: energy_text(m.get("energy_wh"))),
        Column("trials", "candidates of the search", "cost", lambda m: _if_searched(count_text(m.get("n_trials")), m)),
    )


def _kind(method: Method) -> str:
    return "searched" if method.get("kind") == "search" else "baseline"


def _if_searched(text: str, method: Method) -> str:
    """The text for a searched method; a dash for a baseline, which has no search."""
    return text if method.get("kind") == "search" else MISSING


def in_order(methods: Sequence[Method]) -> list[Method]:
    """Searched networks first; within each kind by test metric, the best first and the failed last."""
    return sorted(methods, key=lambda m: (m.get("kind") != "search", m.get("mean") is None, -_test_score(m)))


def _test_score(method: Method) -> float:
    return as_score(str(method.get("metric")), method.get("mean") or 0.0)


def rich_table(results: Mapping[str, Any], essential: bool = False) -> Table:
    """The table of methods for the terminal, with the chosen one in bold; only `essential` columns if asked."""
    from rich.markup import escape
    from rich.table import Table

    shown = [c for c in columns(results["problem"]["metric"]) if c.essential or not essential]
    table = Table(title=escape(f"{results['problem']['name']}: test split"), title_justify="left")
    for column in shown:
        table.add_column(column.heading, justify="right" if column.numeric else "left", no_wrap=True)
    for method in in_order(results["methods"]):
        bold = "bold" if method["name"] == results["verdict"]["choice"] else None
        table.add_row(*(escape(column.text(method)) for column in shown), style=bold)
    return table


def text_table(results: Mapping[str, Any]) -> str:
    """The table of methods as plain text, one line per method."""
    shown = columns(results["problem"]["metric"])
    lines = [[c.heading for c in shown], *([c.text(m) for c in shown] for m in in_order(results["methods"]))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(shown))]
    return "\n".join(
        "  ".join(_aligned(word, width, c) for word, width, c in zip(line, widths, shown, strict=True)).rstrip() for line in lines
    )


def _aligned(word: str, width: int, column: Column) -> str:
    return word.rjust(width) if column.numeric else word.ljust(width)
