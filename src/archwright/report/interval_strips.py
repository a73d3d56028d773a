"""Small SVG pictures of intervals: the seeds of a method on one line, and a difference against zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from archwright.data.problem import as_score
from archwright.formatting import MOST, finite

STRIP_WIDTH, STRIP_HEIGHT = 150.0, 22.0


def scale_of(methods: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Common limits for all methods, from the seeds; a few wide intervals may reach beyond."""
    values = [value for method in methods for value in seed_values(method)]
    if not values:
        return None
    margin = 0.12 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 0.05
    most = MOST.get(str(methods[0].get("metric")), inf)
    return min(values) - margin, max(min(max(values) + margin, most), max(values) + 0.1 * margin)


def seed_values(method: Mapping[str, Any]) -> list[float]:
    """The test metric of each final training that has one."""
    return [value for run in method.get("runs") or () if (value := finite(run.get("value"))) is not None]


def strip(method: Mapping[str, Any], limits: tuple[float, float], colour: str) -> str:
    """A method's seeds as dots, its mean as a tick, its interval as a bar (cut off at the ends of the scale)."""

    def x(value: float) -> float:
        share = (value - limits[0]) / (limits[1] - limits[0])
        return 4 + (STRIP_WIDTH - 8) * min(1.0, max(0.0, share))

    middle = STRIP_HEIGHT / 2
    parts = [_line(4, STRIP_WIDTH - 4, middle, "var(--rule)", 1)]
    interval = method.get("ci95")
    if interval and finite(interval[0]) is not None and finite(interval[1]) is not None:
        bar = f'x="{x(interval[0]):.1f}" y="{middle - 4}" width="{max(1.0, x(interval[1]) - x(interval[0])):.1f}" height="8"'
        parts.append(f'<rect {bar} rx="3" fill="{colour}" fill-opacity="0.25"/>')
    parts += [f'<circle cx="{x(value):.1f}" cy="{middle}" r="3" fill="{colour}"/>' for value in seed_values(method)]
    mean = finite(method.get("mean"))
    if mean is not None:
        parts.append(f'<path d="M{x(mean):.1f} {middle - 7}V{middle + 7}" stroke="{colour}" stroke-width="2"/>')
    return f'<svg width="{STRIP_WIDTH:.0f}" height="{STRIP_HEIGHT:.0f}" aria-hidden="true">{"".join(parts)}</svg>'


def difference_picture(metric: str, difference: float, interval: Sequence[float]) -> str:
    """The interval of the difference searched minus baseline, against zero; better is to the right."""
    reach = 1.15 * max(abs(interval[0]), abs(interval[1]), abs(difference), 1e-9)

    def x(value: float) -> float:
        return 300 + 300 * value / reach

    difference, ends = as_score(metric, difference), sorted(as_score(metric, end) for end in interval)
    colour = "var(--good)" if ends[0] > 0 else "var(--bad)" if ends[1] < 0 else "var(--muted)"
    parts = [
        _line(0, 600, 20, "var(--rule)", 1.5),
        '<path d="M300 4V36" stroke="var(--ink)" stroke-width="1.5"/>',
        f'<rect x="{x(ends[0]):.1f}" y="12" width="{max(2.0, x(ends[1]) - x(ends[0])):.1f}" height="16" rx="5" '
        f'fill="{colour}" fill-opacity="0.35"/>',
        f'<circle cx="{x(difference):.1f}" cy="20" r="7" fill="{colour}"/>',
    ]
    return f'<svg class="chart" viewBox="0 0 600 40" aria-hidden="true">{"".join(parts)}</svg>'


def _line(start: float, end: float, y: float, colour: str, width: float) -> str:
    return f'<path d="M{start} {y}H{end}" stroke="{colour}" stroke-width="{width}"/>'
