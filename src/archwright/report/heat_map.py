"""An edge's weights over time as an SVG heat map: one row per candidate, one column per epoch, darker is heavier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

ROW, LABEL, CELLS, NUMBER = 15.0, 112.0, 150.0, 38.0
SHADES = 20
MOST_COLUMNS = 75  # more cannot be told apart
LETTERS = 17  # of a candidate's name, as many as fit beside its row


def heat_map(candidates: Sequence[str], epochs: Sequence[Sequence[float]], heaviest: float) -> str:
    """The map of one edge as an <svg> element, each candidate with its last weight.

    epochs: (epochs, candidates), weights of at least 0. heaviest: the weight drawn darkest, the same for all maps of a search.
    """
    height = ROW * len(candidates)
    columns = _thinned(epochs)
    strongest = max(range(len(candidates)), key=lambda row: columns[-1][row])
    labels = "".join(_label(row, name, columns[-1][row], row == strongest) for row, name in enumerate(candidates))
    shades = "".join(
        f'<path d="{path}" fill="var(--accent)" fill-opacity="{shade / SHADES:g}"/>'
        for shade, path in sorted(_paths(columns, heaviest).items())
    )
    width = LABEL + CELLS + NUMBER
    grid = f'<g transform="translate({LABEL:g} 0) scale({CELLS / len(columns):.4f} {ROW:g})">{shades}</g>'
    frame = f'<rect x="{LABEL:g}" y="0" width="{CELLS:g}" height="{height:g}" fill="none" stroke="var(--rule)"/>'
    box = f'viewBox="0 0 {width:g} {height:g}"'
    return f'<svg class="chart" role="img" aria-label="Weights over epochs" {box}>{grid}{frame}{labels}</svg>'


def heaviest_of(epochs: Sequence[Mapping[str, Sequence[Sequence[float]]]]) -> float:
    """The largest weight of a search; 1 if none is above 0."""
    return max((weight for epoch in epochs for edge in epoch["weights"] for weight in edge), default=0.0) or 1.0


def _thinned(epochs: Sequence[Sequence[float]]) -> Sequence[Sequence[float]]:
    """At most MOST_COLUMNS of the epochs, including the first and the last."""
    if len(epochs) <= MOST_COLUMNS:
        return epochs
    step = (len(epochs) - 1) / (MOST_COLUMNS - 1)
    return [epochs[round(i * step)] for i in range(MOST_COLUMNS)]


def _paths(columns: Sequence[Sequence[float]], heaviest: float) -> dict[int, str]:
    """Shade -> all its cells as one path, in units of cells; adjacent cells of a row in the same shade form one rectangle."""
    paths: dict[int, str] = {}
    for row in range(len(columns[0])):
        shades = (round(SHADES * min(1.0, max(0.0, column[row] / heaviest))) for column in columns)
        start = 0
        for shade, run in groupby(shades):
            length = len(list(run))
            if shade:
                paths[shade] = paths.get(shade, "") + f"M{start} {row}h{length}v1h-{length}z"
            start += length
    return paths


def _label(row: int, name: str, weight: float, bold: bool) -> str:
    y, style = ROW * (row + 0.72), ' font-weight="600"' if bold else ""
    short = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
    return (
        f'<text x="{LABEL - 6:g}" y="{y:g}" font-size="11" text-anchor="end" fill="var(--ink)"{style}>{escape(short)}</text>'
        f'<text x="{LABEL + CELLS + 5:g}" y="{y:g}" font-size="11" fill="var(--muted)"{style}>{weight:.2f}</text>'
    )
