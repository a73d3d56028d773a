"""The report: a single HTML file that needs no network connection and is readable on paper and on a phone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.atomic_file import written_atomically
from archwright.data.problem import Problem
from archwright.formatting import (
    MISSING,
    count_text,
    difference_interval_text,
    difference_text,
    finite,
    metric_name,
    metric_text,
    plural,
    seconds_text,
)
from archwright.report import curves, interval_strips, methods_text, supernet_section
from archwright.report.chart import series_colour
from archwright.report.citations import bibtex, papers_behind
from archwright.report.drawing import draw_architecture
from archwright.report.findings import findings_of
from archwright.report.html_template import TEMPLATES, filled_in, markup
from archwright.report.report_data import ReportData, Row
from archwright.report.table import columns, in_order

TOP_CANDIDATES = 20
MAX_PANELS = 12
MAX_ACCESSES = 200
MARKS = (
    '<circle r="5.5"/>',
    '<rect x="-5" y="-5" width="10" height="10"/>',
    '<path d="M0-6L6 5H-6Z"/>',
    '<path d="M0-6.5L6 0 0 6.5-6 0Z"/>',
    '<path d="M0 6L6-5H-6Z"/>',
    '<path d="M-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z"/>',
    '<path d="M-6-3l3-3 3 3 3-3 3 3-3 3 3 3-3 3-3-3-3 3-3-3 3-3z"/>',
    '<path d="M0-7l1.7 4.7h5l-4 3 1.5 4.8L0 2.600l-4.200 2.900 1.500-4.800-4-3h5z"/>',
)
"""The shapes of matplotlib's markers in `chart.MARKERS`, for the legend."""


def write_report(path: Path, data: ReportData) -> None:
    """Write the report of a run to `path`, atomically."""
    with written_atomically(path) as unfinished:
        unfinished.write_text(page(data), encoding="utf-8")


def page(data: ReportData) -> str:
    """The whole page as text."""
    return filled_in(TEMPLATES / "page.html", _content(data))


def _content(data: ReportData) -> dict[str, Any]:
    findings = findings_of(data)
    pictures = _pictures(data)
    supernets = supernet_section.sections(data)
    return {
        "data": data,
        "problem": data.problem,
        "metric_name": metric_name(data.metric),
        "facts": _facts(data),
        "contents": _contents(bool(findings), pictures, supernets),
        "verdict": data.results["verdict"],
        "headline": _headline(data),
        "findings": findings,
        "tables": _tables(data),
        **pictures,
        "supernets": supernets,
        "architecture_sentence": _architecture_sentence(data),
        "architecture_json": json.dumps(data.architecture, indent=2),
        "states": _states(data),
        "ranking": _ranking(data),
        "n_complete": f"{len(data.complete):,}",
        "snippets": methods_text.snippets(data),
        "model_takes": _model_takes(data.problem),
        "sample": data.sample,
        "budget": _budget(data),
        "skipped": data.results.get("skipped") or (),
        "test_accesses": plural(methods_text.test_access_count(data), "time"),
        "final_runs": plural(methods_text.final_run_count(data), "final training"),
        "accesses": [{"reason": a.get("reason", ""), "time": a.get("time", "")} for a in data.accesses[:MAX_ACCESSES]],
        "more_accesses": max(0, len(data.accesses) - MAX_ACCESSES),
        "methods_text": methods_text.methods_text(data),
        "bibtex": bibtex(papers_behind(data)),
        "checklist": methods_text.checklist(data),
        "settings": list(_flat(data.results.get("settings") or {})),
        "versions": list(_flat(data.results.get("versions") or {})),
        "version": (data.results.get("versions") or {}).get("archwright", ""),
    }


def _facts(data: ReportData) -> list[tuple[str, str]]:
    problem = data.problem
    facts = [
        ("task", methods_text.TASK_NAMES[problem.task]),
        ("metric", metric_name(problem.metric)),
        *_shapes(problem),
        ("training", f"{problem.n_train:,}"),
        ("validation", f"{problem.n_val:,}"),
        ("test", f"{problem.n_test:,}"),
        ("space", data.space),
    ]
    return [fact for fact in facts if fact[1]]


def _shapes(problem: Problem) -> list[tuple[str, str]]:
    if problem.level is None:
        return [("inputs", methods_text.shape_text(problem.input_shape)), ("outputs", str(problem.outputs))]
    return [("windows", plural(problem.input_shape[0], problem.level)), ("vocabulary", f"{problem.outputs:,}")]


def _contents(findings: bool, pictures: Mapping[str, Any], supernets: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    titles = {
        "findings": "Findings" if findings else "",
        "methods": "Methods",
        "architecture": "Architecture",
        "search": "Search",
        **{supernet["id"]: f"Supernet of {supernet['name']}" for supernet in supernets},
        "pareto": "Quality and cost" if pictures["pareto"] else "",
        "learning": "Learning curves" if pictures["learning"] else "",
        "ranking": "Candidates",
        "use": "Use the model",
        "budget": "Budget",
        "test": "Test accesses",
        "paste": "Methods text",
        "checklist": "Best practice",
        "settings": "Settings",
    }
    return [(identity, title) for identity, title in titles.items() if title]


def _model_takes(problem: Problem) -> str:
    if problem.level is None:
        return "It takes raw inputs: the normalisation is part of the model."
    return (
        f"It takes token indices, into the {len(problem.names):,} names in architecture.json, and carries its hidden state from "
        "one call to the next; the ONNX file computes one step, with the state as input and output."
    )


def _headline(data: ReportData) -> str:
    choice = data.results["verdict"].get("choice")
    if choice is None:
        return "No verdict"
    kind = next((m.get("kind") for m in data.methods if m["name"] == choice), None)
    return f"Use the searched network ({choice})" if kind == "search" else f"Use {choice}"


def _tables(data: ReportData) -> list[dict[str, Any]]:
    """The table of methods as two tables that fit a screen: quality and cost."""
    return [_table(data, "quality", "Quality"), _table(data, "cost", "Cost")] if data.methods else []


def _table(data: ReportData, about: str, title: str) -> dict[str, Any]:
    shown = [column for column in columns(data.metric) if column.heading == "method" or column.about == about]
    limits = interval_strips.scale_of(data.methods) if about == "quality" else None
    rows: list[dict[str, Any]] = []
    group = None
    for method in in_order(data.methods):
        colour = series_colour(data.colours[method["name"]])
        kind = "Searched" if method.get("kind") == "search" else "Baselines"
        rows.append(
            {
                "group": kind if kind != group else "",
                "chosen": method["name"] == data.results["verdict"].get("choice"),
                "cells": [column.text(method) for column in shown],
                "colour": colour,
                "strip": markup(interval_strips.strip(method, limits, colour)) if limits else "",
            }
        )
        group = kind
    scale = f"{metric_text(data.metric, limits[0])} … {metric_text(data.metric, limits[1])}" if limits else ""
    return {"title": title, "columns": shown, "rows": rows, "scale": scale}


def _pictures(data: ReportData) -> dict[str, Any]:
    learning = [
        (name, markup(curves.learning_chart(data, name, "metric")), markup(curves.learning_chart(data, name, "loss")))
        for name in list(data.curves)[:MAX_PANELS]
    ]
    searched = {str(row.get("strategy")) for row in data.complete}
    return {
        "interval": _interval(data),
        "drawing": _drawing(data),
        "incumbent": markup(curves.incumbent_chart(data)),
        "search_legend": [(n, series_colour(i)) for n, i in data.colours.items() if n in searched],
        "pareto": markup(curves.pareto_chart(data)),
        "pareto_legend": [
            (m["name"], series_colour(data.colours[m["name"]]), _mark(data.colours[m["name"]]))
            for m in data.methods
            if curves.has_place(data, m)
        ],
        "learning": [panel for panel in learning if panel[1] or panel[2]],
        "not_shown": ", ".join(list(data.curves)[MAX_PANELS:]),
    }


def _mark(number: int) -> Any:
    colour = series_colour(number)
    return markup(f'<g fill="{colour}" stroke="var(--ink)">{MARKS[number % len(MARKS)]}</g>')


def _interval(data: ReportData) -> dict[str, Any] | None:
    """The difference between the searched network and the baseline, in words and as a picture."""
    verdict = data.results["verdict"]
    difference, ends = finite(verdict.get("difference")), [finite(end) for end in verdict.get("ci95") or (None, None)]
    if difference is None or None in ends:
        return None
    interval = [float(end or 0.0) for end in ends]
    words = f"{difference_text(data.metric, difference)} (95 % interval {difference_interval_text(data.metric, interval)})"
    return {"words": words, "picture": markup(interval_strips.difference_picture(data.metric, difference, interval))}


def _drawing(data: ReportData) -> Any:
    if data.architecture is None:
        return None
    return markup(draw_architecture(data.space, data.description, data.architecture.get("answers") or {}, data.problem))


def _architecture_sentence(data: ReportData) -> str:
    if data.architecture is None:
        return ""
    settings = ", ".join(
        f"{key} = {value}" for key, value in (data.architecture.get("settings") or {}).items() if value is not None
    )
    return f"The best searched network, from the {data.space} space" + (f" with {settings}." if settings else ".")


def _states(data: ReportData) -> dict[str, Any] | None:
    """The number of candidates of each strategy in each state."""
    counts = {name: Counter(str(row.get("state")) for row in rows) for name, rows in data.searches.items()}
    order = ("complete", "failed", "pruned", "duplicate", "refused", "running")
    names = [state for state in order if any(count[state] for count in counts.values())]
    rows = [(name, [f"{count[state]:,}" for state in names]) for name, count in counts.items()]
    return {"names": names, "rows": rows} if rows else None


def _ranking(data: ReportData) -> list[dict[str, str]]:
    """The best candidates of the search by validation metric, each network once per strategy."""
    best = sorted(data.complete, key=lambda row: -data.as_score(data.value(row)))[:TOP_CANDIDATES]
    return [
        {
            "strategy": str(row.get("strategy")),
            "number": str(row.get("number", "")),
            "search": metric_text(data.metric, data.value(row)),
            "final": metric_text(data.metric, data.retrained.get((row.get("strategy"), row.get("key")))),
            "parameters": count_text(row.get("parameters")),
            "macs": count_text(row.get("macs")),
            "epochs": count_text(row.get("epochs")),
            "seconds": seconds_text(row.get("seconds")),
            "answers": _answers_text(row),
        }
        for row in best
    ]


def _answers_text(row: Row) -> str:
    answers = row.get("architecture") or ""
    if isinstance(answers, str):
        try:
            answers = json.loads(answers)
        except ValueError:
            return str(answers)[:2000]
    if not isinstance(answers, Mapping):
        return str(answers)[:2000]
    return ", ".join(f"{name} = {answer}" for name, answer in answers.get("answers", answers).items())[:2000]


def _budget(data: ReportData) -> list[dict[str, str]]:
    used = sum(part.used_seconds or 0.0 for part in data.budget)
    return [
        {
            "name": part.name,
            "planned": seconds_text(part.planned_seconds),
            "used": seconds_text(part.used_seconds),
            "share": f"{100 * part.used_seconds / used:.0f} %" if used and part.used_seconds is not None else MISSING,
            "idle": f"{100 * part.idle:.0f} %" if part.idle is not None else MISSING,
        }
        for part in data.budget
    ]


def _flat(content: Mapping[str, Any], before: str = "") -> Sequence[tuple[str, str]]:
    """Nested settings as pairs of a dotted name and a text."""
    pairs: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            pairs += _flat(value, f"{before}{key}.")
        elif isinstance(value, (list, tuple)):
            pairs.append((before + str(key), ", ".join(map(str, value)) or MISSING))
        else:
            pairs.append((before + str(key), MISSING if value is None else str(value)))
    return pairs
