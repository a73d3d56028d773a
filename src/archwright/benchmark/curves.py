"""Charts of a benchmark: mean regret of the incumbent against queries and against simulated time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from archwright.benchmark.results import Regrets
from archwright.benchmark.tabular_search import SimulatedSearch
from archwright.report.chart import INK, SERIES, SERIES_COLOURS, quiet_axes, svg_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Lines = Mapping[str, tuple[Array, Array]]
"""By strategy: points on the x axis, (P,), and the regrets there, (repeats, P), in percentage points."""

LEAST_REGRET = 0.01
"""The bottom of the charts, in percentage points: a logarithmic axis cannot show zero."""
TIME_POINTS = 200
DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
DASH_WORDS = ("solid", "dashed", "dotted", "double")


def query_chart(regrets: Mapping[str, Regrets], part: Literal["valid", "test"]) -> str:
    """Mean regret after each query, one line per strategy with a band of one standard error on either side."""
    lines = {name: (_query_numbers(values), values) for name, r in regrets.items() for values in [getattr(r, part)]}
    word = "validation" if part == "valid" else "test"
    return _chart(f"regret-{part}", lines, "queries", f"{word} regret (percentage points)")


def time_chart(searches: Mapping[str, Sequence[SimulatedSearch]], regrets: Mapping[str, Regrets]) -> str:
    """Mean validation regret against simulated time; each line begins where every repeat has a result."""
    lines = {name: _over_time(found, regrets[name].valid) for name, found in searches.items()}
    scale, unit = _time_scale(max(times[-1] for times, _ in lines.values()))
    lines = {name: (times / scale, values) for name, (times, values) in lines.items()}
    return _chart("regret-time", lines, f"simulated training time ({unit})", "validation regret (percentage points)")


def _query_numbers(values: Array) -> Array:
    return np.arange(1, values.shape[1] + 1, dtype=np.float64)


def _over_time(searches: Sequence[SimulatedSearch], valid: Array) -> tuple[Array, Array]:
    """Times, (P,), and the regret of each repeat by then, (repeats, P): that of its last finished query."""
    ends = [np.array([query.ended for query in search.queries], dtype=np.float64) for search in searches]
    times = np.linspace(max(end[0] for end in ends), max(end[-1] for end in ends), TIME_POINTS)
    rows = [line[np.searchsorted(end, times, side="right") - 1] for end, line in zip(ends, valid, strict=True)]
    return times, np.array(rows)


def _time_scale(seconds: float) -> tuple[float, str]:
    return (3600.0, "h") if seconds > 2 * 3600 else (60.0, "min") if seconds > 120 else (1.0, "s")


def _chart(identity: str, lines: Lines, x: str, y: str) -> str:
    from matplotlib.ticker import MaxNLocator

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), x, y)
        axes.set_yscale("log")
        for number, (at, values) in enumerate(lines.values()):
            _draw_line(axes, number, at, values)
        axes.set_ylim(_limits([values for _, values in lines.values()]))
        axes.set_xlim(0, max(at[-1] for at, _ in lines.values()))
        _plain_ticks(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return svg_of(identity, (8.8, 4.2), draw, f"Mean {y} against {x}")


def _draw_line(axes: Axes, number: int, at: Array, values: Array) -> None:
    mean = values.mean(axis=0)
    colour = SERIES[number % SERIES_COLOURS]
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        low, high = np.maximum(mean - error, LEAST_REGRET / 10), np.maximum(mean + error, LEAST_REGRET / 10)
        axes.fill_between(at, low, high, step="post", color=colour, alpha=0.16, linewidth=0)
    style: dict[str, Any] = {"linestyle": DASHES[number // SERIES_COLOURS % 4], "drawstyle": "steps-post"}
    axes.plot(at, np.maximum(mean, LEAST_REGRET / 10), color=colour, linewidth=1.8, **style)


def _limits(values: Sequence[Array]) -> tuple[float, float]:
    means = [v.mean(axis=0) for v in values]
    top = max(float(np.quantile(mean, 0.97)) for mean in means)  # the first queries are far above the rest
    least = min(float(mean.min()) for mean in means)
    return max(LEAST_REGRET, 0.8 * least), max(1.25 * top, 10 * LEAST_REGRET)


def _plain_ticks(axes: Axes) -> None:
    """Label regrets as 0.1, 0.3, 1 instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)
    axes.tick_params(axis="x", labelcolor=INK)
