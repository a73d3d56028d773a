"""The report's section on one one-shot strategy: what its page template is filled with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from archwright.report.chart import SERIES_COLOURS, series_colour
from archwright.report.drawing import draw_architecture
from archwright.report.heat_map import heat_map, heaviest_of
from archwright.report.operation_shares import operation_shares, shares_chart
from archwright.report.report_data import ReportData, Supernet
from archwright.report.supernet_curves import (
    WATCHED,
    controller_entropy_chart,
    last_weights,
    learning_chart,
    reward_chart,
    watched_chart,
    weight_histogram,
)
from archwright.report.supernet_findings import sentences, told_of, warnings

MOST_MAPS = 60
TITLES = {
    "mixture": "What it was discretized to",
    "controller": "What was derived from its controller",
    "paths": "The best that was found in it",
}
"""Of the drawing."""
DOTS = {
    "mixture": "the epoch's snapshot, with shared weights",
    "controller": "the most probable architecture after the epoch, with shared weights: it alone is validated",
    "paths": "a path drawn at random after the epoch, which is all that is validated",
}
"""What is drawn as dots among the learning curves."""
SMALL = 0.01
"""A weight below this is as good as none."""


def sections(data: ReportData) -> list[dict[str, Any]]:
    """One for each strategy whose supernet left a record."""
    return [_section(data, name, supernet) for name, supernet in data.supernets.items()]


def papers_behind(supernets: Iterable[Supernet]) -> list[str]:
    """Names of the options whose papers a report should cite."""
    names = []
    for supernet in supernets:
        settings = supernet.record.get("settings") or {}
        discretization = (supernet.record.get("discretization") or {}).get("method")
        names += [f"discretization:{discretization}", str(settings.get("relaxation"))]
        names += ["auxiliary_skip"] if settings.get("auxiliary_skip") else []
    return names


def _section(data: ReportData, name: str, supernet: Supernet) -> dict[str, Any]:
    number = data.colours.get(name, 0)
    learned = supernet.kind != "paths"
    return {
        "id": f"supernet-{number}",
        "name": name,
        "colour": series_colour(number),
        "sentences": sentences(data, name),
        "warnings": warnings(told_of(data, name)),
        "metric_chart": _markup(learning_chart(supernet, data.metric, "metric", number)),
        "loss_chart": _markup(learning_chart(supernet, data.metric, "loss", number)),
        "title": TITLES[supernet.kind],
        "dots": DOTS[supernet.kind],
        "reward_chart": _markup(reward_chart(supernet, number)),
        "controller_entropy_chart": _markup(controller_entropy_chart(supernet, number)),
        "shares_chart": _markup(shares_chart(supernet, number)) if learned else None,
        "shares": operation_shares(supernet) if learned else [],
        "watched_chart": _markup(watched_chart(supernet, number)) if learned else None,
        "watched": [(word, series_colour(i % SERIES_COLOURS)) for i, word in enumerate(WATCHED.values())],
        "histogram": _markup(weight_histogram(supernet, number)) if learned else None,
        "sparsity": _sparsity(last_weights(supernet)),
        "maps": _maps(supernet) if learned else [],
        "more_maps": max(0, len(supernet.edges) - MOST_MAPS),
        "heaviest": f"{heaviest_of(supernet.epochs):.2f}",
        "drawing": _drawing(data, supernet),
    }


def _maps(supernet: Supernet) -> list[tuple[str, Any]]:
    """(edge, heat map) of each edge, in the supernet's order."""
    if not supernet.epochs:
        return []
    heaviest = heaviest_of(supernet.epochs)
    return [
        (edge["name"], _markup(heat_map(edge["candidates"], [epoch["weights"][i] for epoch in supernet.epochs], heaviest)))
        for i, edge in enumerate(supernet.edges[:MOST_MAPS])
    ]


def _sparsity(weights: Sequence[float]) -> str:
    if not weights:
        return ""
    small = sum(weight < SMALL for weight in weights)
    return (
        f"{small:,} of {len(weights):,} weights ended below {SMALL:g}; where most are about equal, the search has hardly decided, "
        "and cutting it down to one candidate an edge changes much."
    )


def _drawing(data: ReportData, supernet: Supernet) -> Any:
    architecture = supernet.architecture
    if architecture is None:
        return None
    return _markup(draw_architecture(data.space, supernet.description, architecture.get("answers") or {}, data.problem))


def _markup(svg: str | None) -> Any:
    """Our own SVG, not to be escaped."""
    from markupsafe import Markup

    return None if svg is None else Markup(svg)
