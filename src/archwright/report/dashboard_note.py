"""What the dashboard shows of one training: a note in Markdown, and attributes to sort and plot by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from archwright.formatting import count_text, finite, memory_text, metric_name, metric_text, seconds_text
from archwright.ledger.row import Row
from archwright.study.candidates_table import MEASURED

EPOCHS_SHOWN = 12


def note_of(row: Row, metric: str, drawing: str) -> str:
    """The note on a row. `metric`: of the problem. `drawing`: the address of the architecture's picture."""
    heading = f"**{_title(row)}**: {row.state}" + (f" ({_plain(row.cause)})" if row.cause else "")
    drawn = f"![architecture]({drawing})" if row.architecture is not None else ""
    return "\n\n".join(part for part in (heading, _measured(row, metric), drawn, _curve(row, metric), _answers(row)) if part)


def attributes_of(row: Row) -> dict[str, Any]:
    """The known values of a row, by their column names in candidates.csv; times in seconds, memory in MB."""
    outcome = row.outcome
    measured = {name: getattr(outcome, name, None) for name in MEASURED}
    metrics = {f"val_{name}": value for name, value in outcome.metrics.items()} if outcome is not None else {}
    identity = {"number": row.run_number, "state": row.state, "cause": row.cause, "stage": row.stage, "strategy": row.strategy}
    known = {**identity, "baseline": row.baseline, **metrics, **measured, "seed": row.seed, "worker": row.worker}
    return {name: value for name, value in known.items() if value not in (None, "")}


def curve_of(row: Row, metric: str) -> dict[int, float]:
    """Epoch, from 1 -> the metric on the validation split after it."""
    records = row.outcome.curve if row.outcome is not None else ()
    values = {epoch: finite(record.get(f"val_{metric}")) for epoch, record in enumerate(records, start=1)}
    return {epoch: value for epoch, value in values.items() if value is not None}


def _title(row: Row) -> str:
    return f"{row.stage.replace('_', ' ')} {row.baseline or row.strategy} #{row.run_number}"


def _measured(row: Row, metric: str) -> str:
    outcome = row.outcome
    if outcome is None:
        return ""
    measured = {
        f"validation {metric_name(metric)}": metric_text(metric, outcome.metrics.get(metric)),
        "parameters": count_text(outcome.parameters),
        "MACs": count_text(outcome.macs),
        "memory": memory_text(outcome.peak_memory_mb),
        "time": seconds_text(outcome.seconds),
        "epochs": f"{outcome.epochs:g}",
        "seed": str(row.seed),
    }
    return _table(list(measured), [list(measured.values())])


def _curve(row: Row, metric: str) -> str:
    """The learning curve as a table; of a long one only some epochs, including the first and the last."""
    curve = row.outcome.curve if row.outcome is not None else ()
    if not curve:
        return ""
    last = len(curve) - 1
    shown = sorted({round(last * i / (EPOCHS_SHOWN - 1)) for i in range(EPOCHS_SHOWN)})
    columns = {metric: f"val_{metric}", "loss": "val_loss"}
    rows = [[str(i + 1), *(metric_text(name, curve[i].get(column)) for name, column in columns.items())] for i in shown]
    return _table(["epoch", f"validation {metric_name(metric)}", "loss"], rows)


def _answers(row: Row) -> str:
    if row.architecture is None:
        return ""
    return _table(["question", "answer"], [[name, str(answer)] for name, answer in row.architecture.answers.items()])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text: str) -> str:
    """On one line, with pipes escaped."""
    return " ".join(text.split()).replace("|", r"\|")
