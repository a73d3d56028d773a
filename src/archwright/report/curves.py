"""Charts of a run: best so far, learning curves, quality against cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archwright.data.problem import LOWER_IS_BETTER, as_score
from archwright.formatting import finite, metric_name
from archwright.report.chart import (
    FAINT,
    INK,
    MARKERS,
    SERIES,
    SERIES_COLOURS,
    axis_name,
    quiet_axes,
    shown,
    svg_of,
    thin,
)
from archwright.report.report_data import Curve, ReportData, Row
from archwright.statistics.verdict import validation_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_VECTOR_DOTS = 1500  # a larger cloud is rasterized
CLOUD = "#808890"  # pixels cannot follow the colour scheme: a grey that is visible on light and dark


def incumbent_chart(data: ReportData) -> str | None:
    """Best validation metric so far against search time, one step line per strategy."""
    lines = {name: incumbent(data, name) for name in data.colours}
    lines = {name: line for name, line in lines.items() if line}
    if not lines:
        return None
    end = max(_end(data, name) for name in lines)
    scale, unit = _time_scale(end)

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), f"search time ({unit})", f"best validation {axis_name(data.metric)}")
        for name, line in lines.items():
            times, values = zip(*thin(line), strict=True)
            last = max(_end(data, name), times[-1])
            colour = SERIES[data.colours[name] % SERIES_COLOURS]
            steps = [t / scale for t in (*times, last)], [shown(data.metric, v) for v in (*values, values[-1])]
            axes.step(*steps, where="post", color=colour, linewidth=2)
            axes.plot(steps[0][:-1], steps[1][:-1], MARKERS[data.colours[name] % 8], color=colour, markersize=4, linestyle="none")
        axes.set_xlim(left=0)

    return svg_of("incumbent", (8.8, 3.9), draw, f"Best validation {metric_name(data.metric)} so far against search time")


def incumbent(data: ReportData, strategy: str) -> list[tuple[float, float]]:
    """(seconds, best validation metric so far) at each improvement, in order of completion."""
    best, line = float("-inf"), []
    for row, elapsed in _timed(data, strategy):
        value = data.value(row)
        if value is not None and row.get("state") == "complete" and data.as_score(value) > best:
            best = data.as_score(value)
            line.append((elapsed, value))
    return line


def _timed(data: ReportData, strategy: str) -> list[tuple[Row, float]]:
    """A strategy's candidates with their time of completion: `elapsed`, or the sum of the seconds so far if that is missing."""
    summed, timed = 0.0, []
    for row in data.searches.get(strategy, ()):
        summed += finite(row.get("seconds")) or 0.0
        elapsed = finite(row.get("elapsed"))
        timed.append((row, summed if elapsed is None else elapsed))
    return timed


def _end(data: ReportData, strategy: str) -> float:
    return max((elapsed for _, elapsed in _timed(data, strategy)), default=0.0)


def learning_chart(data: ReportData, name: str, what: str) -> str | None:
    """Training (dashed) and validation (solid) of a method's final trainings over epochs, one line per seed.

    what: "metric" or "loss". None if no seed has two values.
    """
    word = data.metric if what == "metric" else "loss"
    columns = {"train": f"train_{what}", "val": f"val_{word}"}
    limits = _common_limits(data, word, tuple(columns.values()))
    lines = [(_points(curve, column), part) for part, column in columns.items() for curve in data.curves.get(name, ())]
    if limits is None or not any(len(line) > 1 for line, _ in lines):
        return None
    last = max(epoch for line, _ in lines for epoch, _ in line)
    colour = SERIES[data.colours.get(name, 0) % SERIES_COLOURS]

    from matplotlib.ticker import MaxNLocator

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", axis_name(word))
        for line, part in lines:
            if line:
                epochs, values = zip(*thin(line), strict=True)
                style = {"color": FAINT, "linestyle": (0, (3, 2)), "linewidth": 1.2} if part == "train" else {"color": colour}
                marker = MARKERS[0] if len(line) == 1 else ""
                axes.plot(epochs, [shown(word, v) for v in values], marker=marker, markersize=4, **style)
        axes.set_ylim(*limits)
        axes.set_xlim(0, 1.03 * last)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    identity = f"learning-{what}-{data.colours.get(name, 0)}"
    return svg_of(identity, (3.5, 2.4), draw, f"{axis_name(word)} over epochs, training and validation")


def _points(curve: Curve, column: str) -> list[tuple[float, float]]:
    pairs = [(finite(record.get("epoch")), finite(record.get(column))) for record in curve]
    return [(epoch, value) for epoch, value in pairs if epoch is not None and value is not None]


def _common_limits(data: ReportData, word: str, columns: Sequence[str]) -> tuple[float, float] | None:
    """The same limits for all methods, without the worst tenth: the first epochs would flatten everything else."""
    values = sorted(
        shown(word, value)
        for curves in data.curves.values()
        for curve in curves
        for column in columns
        for _, value in _points(curve, column)
    )
    if not values:
        return None
    tenth = len(values) // 10
    low, high = (values[0], values[-1 - tenth]) if word == "loss" or word in LOWER_IS_BETTER else (values[tenth], values[-1])
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def pareto_chart(data: ReportData) -> str | None:
    """Validation metric against MACs (parameters if those are missing) of all candidates, their front, and the final methods."""
    cost, points = cost_column(data), _points_of_candidates(data)
    finals = [(m, finite(m.get(cost)) or 1.0, validation_mean(m) or 0.0) for m in data.methods if has_place(data, m)]
    if not points and not finals:
        return None

    def draw(figure: Figure) -> None:
        label = "multiply-accumulates" if cost == "macs" else "parameters"
        axes = quiet_axes(figure.add_subplot(), label, f"validation {axis_name(data.metric)}")
        axes.set_xscale("log")
        if points:
            xs, ys = zip(*points, strict=True)
            axes.scatter(
                xs,
                [shown(data.metric, y) for y in ys],
                s=12,
                c=CLOUD,
                alpha=min(0.8, max(0.03, 600 / len(points))),
                linewidths=0,
                rasterized=len(points) > MAX_VECTOR_DOTS,
            )
            front_x, front_y = zip(*thin(pareto_front(points, data.metric)), strict=True)
            axes.step(front_x, [shown(data.metric, y) for y in front_y], where="post", color=INK, linewidth=1.2)
        for method, x, y in finals:
            number = data.colours[method["name"]]
            marker = MARKERS[number % 8]
            axes.plot(
                [x], [shown(data.metric, y)], marker, color=SERIES[number % SERIES_COLOURS], markersize=9, markeredgecolor=INK
            )
        _cut_tail(axes, [shown(data.metric, y) for _, y in points], [shown(data.metric, v) for _, _, v in finals], data.metric)
        _plain_log_ticks(axes)

    return svg_of("pareto", (8.8, 4.4), draw, f"Validation {metric_name(data.metric)} against cost of all candidates")


def pareto_front(points: Sequence[tuple[float, float]], metric: str = "accuracy") -> list[tuple[float, float]]:
    """The Pareto-optimal (cost, value) pairs from cheap to expensive, one of each set of equals."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -as_score(metric, point[1]))):
        if not front or as_score(metric, value) > as_score(metric, front[-1][1]):
            front.append((cost, value))
    return front


def cost_column(data: ReportData) -> str:
    """`macs`, or `parameters` if no candidate has MACs."""
    known = ("macs", "parameters")
    return next((cost for cost in known if any(finite(row.get(cost)) for row in data.complete)), known[0])


def _points_of_candidates(data: ReportData) -> list[tuple[float, float]]:
    """(cost, validation metric) of all complete candidates of the search."""
    column = cost_column(data)
    pairs = [(finite(row.get(column)), data.value(row)) for row in data.complete]
    return [(cost, value) for cost, value in pairs if cost and value is not None]


def has_place(data: ReportData, method: Mapping[str, Any]) -> bool:
    """Whether a method has a cost and a validation metric, so that it can be drawn."""
    return bool(finite(method.get(cost_column(data)))) and validation_mean(method) is not None


def _cut_tail(axes: Axes, cloud: Sequence[float], finals: Sequence[float], metric: str) -> None:
    """Leave the worst twentieth of the candidates out of view: one bad network would squeeze all others into a line."""
    seen = sorted(cloud, key=lambda value: as_score(metric, value))[len(cloud) // 20 :] + list(finals)
    low, high = min(seen), max(seen)
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 0.05
    axes.set_ylim(low - margin, high + margin)


def _plain_log_ticks(axes: Axes) -> None:
    """Label costs as 300 k, 1 M, 3 M instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    from archwright.formatting import count_text

    low, high = axes.get_xlim()
    subs = (1.0,) if high > 1000 * low else (1.0, 3.0) if high > 12 * low else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: re.sub(r"\.0*(?= |$)", "", count_text(value))))


def _time_scale(seconds: float) -> tuple[float, str]:
    return (3600.0, "h") if seconds > 2 * 3600 else (60.0, "min") if seconds > 120 else (1.0, "s")
