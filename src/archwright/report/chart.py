"""What all charts of the report share: colours, plain axes, and matplotlib figures as SVG for the page.

matplotlib draws in placeholder colours, which are then replaced by CSS variables, so that charts follow the page's light and dark
schemes. No text from the user gets into a chart: names are in the page's legends.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from archwright.formatting import is_percent, metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#0a0b01", "#0a0b02", "#0a0b03"
SERIES_COLOURS = 8
SERIES = tuple(f"#0a0c{i:02x}" for i in range(SERIES_COLOURS))
VARIABLES = {INK: "--ink", FAINT: "--muted", GRID: "--rule", **{colour: f"--s{i}" for i, colour in enumerate(SERIES)}}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
Point = TypeVar("Point")
MOST_POINTS = 400  # per line; more cannot be told apart


def series_colour(number: int) -> str:
    """The CSS colour of a method's number."""
    return f"var(--s{number % SERIES_COLOURS})"


def quiet_axes(axes: Axes, x: str, y: str) -> Axes:
    """Style axes plainly: no frame, a faint grid."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelsize=9, length=3)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(x, color=INK, fontsize=9.5)
    axes.set_ylabel(y, color=INK, fontsize=9.5)
    return axes


def axis_name(word: str) -> str:
    """A metric's name, with its unit."""
    return f"{metric_name(word)} (%)" if is_percent(word) else metric_name(word)


def shown(word: str, value: float) -> float:
    """A value of the metric in the unit of its axis."""
    return 100 * value if is_percent(word) else value


def thin(line: Sequence[Point]) -> Sequence[Point]:
    """At most MOST_POINTS points, including the first and the last."""
    if len(line) <= MOST_POINTS:
        return line
    step = (len(line) - 1) / (MOST_POINTS - 1)
    return [line[round(i * step)] for i in range(MOST_POINTS)]


def svg_of(identity: str, inches: tuple[float, float], draw: Callable[[Figure], None], label: str) -> str:
    """A figure as an <svg> element for the page; the same input gives the same text. `identity` keeps the ids of charts apart."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": identity, "font.family": ["DejaVu Sans"]}):
        figure = Figure(figsize=inches, layout="constrained", dpi=144)
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _for_page(buffer.getvalue(), identity, label)


def _for_page(text: str, identity: str, label: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg class="chart" role="img" aria-label="{label}" viewBox="\1">', text, count=1
    )
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{identity}-", text)
    return re.sub(r"\n\s*", "\n", text)
