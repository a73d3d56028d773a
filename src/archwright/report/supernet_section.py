"""The report's section on a one-shot strategy: the content of its template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.report.chart import SERIES_COLOURS, series_colour
from archwright.report.drawing import draw_architecture
from archwright.report.heat_map import heat_map, heaviest_of
from archwright.report.html_template import markup
from archwright.report.operation_shares import operation_shares, shares_chart
from archwright.report.report_data import ReportData, Supernet
from archwright.report.supernet_curves import (
    DIAGNOSTICS,
    controller_entropy_chart,
    diagnostics_chart,
    last_weights,
    learning_chart,
    reward_chart,
    weight_histogram,
)
from archwright.report.supernet_findings import one_shot_entry, sentences, warnings

MOST_MAPS = 60
TITLES = {
    "mixture": "Discretized architecture",
    "controller": "Architecture derived from the controller",
    "paths": "Best architecture found",
}
"""The heading of the drawing, by kind of supernet."""
DOTS = {
    "mixture": "each epoch's snapshot, with shared weights",
    "controller": "the most probable architecture after each epoch, with shared weights (the only one validated)",
    "paths": "a path drawn at random after each epoch (the only one validated)",
}
"""What the dots among the learning curves are, by kind of supernet."""
NEGLIGIBLE_WEIGHT = 0.01
"""A smaller weight counts as zero."""


def sections(data: ReportData) -> list[dict[str, Any]]:
    """One section for each strategy whose supernet left a record."""
    return [_section(data, name, supernet) for name, supernet in data.supernets.items()]


def _section(data: ReportData, name: str, supernet: Supernet) -> dict[str, Any]:
    number = data.colours.get(name, 0)
    learned = supernet.kind != "paths"
    return {
        "id": f"supernet-{number}",
        "name": name,
        "colour": series_colour(number),
        "sentences": sentences(data, name),
        "warnings": warnings(one_shot_entry(data, name)),
        "metric_chart": markup(learning_chart(supernet, data.metric, "metric", number)),
        "loss_chart": markup(learning_chart(supernet, data.metric, "loss", number)),
        "title": TITLES[supernet.kind],
        "dots": DOTS[supernet.kind],
        "reward_chart": markup(reward_chart(supernet, number)),
        "controller_entropy_chart": markup(controller_entropy_chart(supernet, number)),
        "shares_chart": markup(shares_chart(supernet, number)) if learned else None,
        "shares": operation_shares(supernet) if learned else [],
        "diagnostics_chart": markup(diagnostics_chart(supernet, number)) if learned else None,
        "diagnostics": [(word, series_colour(i % SERIES_COLOURS)) for i, word in enumerate(DIAGNOSTICS.values())],
        "histogram": markup(weight_histogram(supernet, number)) if learned else None,
        "sparsity": _sparsity(last_weights(supernet)),
        "maps": _maps(supernet) if learned else [],
        "more_maps": max(0, len(supernet.edges) - MOST_MAPS),
        "heaviest": f"{heaviest_of(supernet.epochs):.2f}",
        "drawing": _drawing(data, supernet),
    }


def _maps(supernet: Supernet) -> list[tuple[str, Any]]:
    """(name, heat map) of each edge, in the supernet's order."""
    if not supernet.epochs:
        return []
    heaviest = heaviest_of(supernet.epochs)
    return [
        (edge["name"], markup(heat_map(edge["candidates"], [epoch["weights"][i] for epoch in supernet.epochs], heaviest)))
        for i, edge in enumerate(supernet.edges[:MOST_MAPS])
    ]


def _sparsity(weights: Sequence[float]) -> str:
    if not weights:
        return ""
    negligible = sum(weight < NEGLIGIBLE_WEIGHT for weight in weights)
    return (
        f"{negligible:,} of {len(weights):,} weights ended below {NEGLIGIBLE_WEIGHT:g}; if most are about equal, "
        "the search has hardly decided, and discretizing to one candidate per edge changes the network a lot."
    )


def _drawing(data: ReportData, supernet: Supernet) -> Any:
    architecture = supernet.architecture
    if architecture is None:
        return None
    return markup(draw_architecture(data.space, supernet.description, architecture.get("answers") or {}, data.problem))
