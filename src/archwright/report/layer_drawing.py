"""A row of layers with skip connections, from top to bottom.

The output of a layer runs along a bus of its own at the right, down to the last layer that adds it, with a dot on the row of each
layer that does. Later layers have the inner buses, so that no output crosses another bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archwright.architecture.layer_graph import LayerGraph
from archwright.data.problem import Problem
from archwright.report.operation_families import colour_of
from archwright.report.picture import CARD, INK, MUTED, PILL, RULE, Picture, draw_legend, width_of

PITCH, TURN, TITLE, GAP, BUS = 46.0, 22.0, 48.0, 26.0, 15.0  # px
LEFT, SUM = 74.0, 9.0
REDUCED = "half the size, twice the channels"


@dataclass(frozen=True)
class _Places:
    """Where everything is: `rows` of the layers, `bands` of equal size (top, bottom), `buses` by state."""

    rows: list[float]
    bands: list[tuple[float, float]]
    buses: dict[int, float]
    pill: float
    spine: float
    right: float


def draw_layers(graph: LayerGraph, problem: Problem) -> Picture:
    """The picture of a network; x points right and y down."""
    picture = Picture()
    places = _places(graph, problem)
    _draw_bands(picture, graph, problem, places)
    _draw_ends(picture, graph, problem, places)
    for k in range(1, len(graph.layers) + 1):
        _draw_layer(picture, graph, k, places)
    for state, x in places.buses.items():
        _draw_bus(picture, graph, state, x, places)
    _draw_key(picture, graph, places)
    return picture


def _places(graph: LayerGraph, problem: Problem) -> _Places:
    rows: list[float] = []
    bands: list[tuple[float, float]] = []
    y = PILL + GAP
    for level in range(graph.reductions + 1):
        top, layers = y, graph.levels[1:].count(level)
        rows += [top + TITLE + PITCH * i for i in range(layers)]
        bands.append((top, rows[-1] + TURN + 10))
        y = bands[-1][1] + GAP
    added = sorted({state for layer in graph.layers for state in layer.skips}, reverse=True)
    pill = max(width_of(layer.operation) for layer in graph.layers)
    spine = max(LEFT + pill + 28, *(width_of(_size(graph, problem, level), 44) for level in range(graph.reductions + 1)))
    buses = {state: spine + 34 + BUS * i for i, state in enumerate(added)}
    return _Places(rows, bands, buses, pill, spine, max(buses.values(), default=spine) + 26)


def _size(graph: LayerGraph, problem: Problem, level: int) -> str:
    """Size and channels after `level` reductions."""
    sides = [-(-side // 2**level) for side in problem.input_shape[1:]]
    return f"{' × '.join(map(str, sides))}, {graph.filters * 2**level} channels"


def _draw_bands(picture: Picture, graph: LayerGraph, problem: Problem, places: _Places) -> None:
    """A band for each size, with a mark where the layers go from one to the next."""
    for level, (top, bottom) in enumerate(places.bands):
        frame = f'x="0" y="{top:.1f}" width="{places.right:.1f}" height="{bottom - top:.1f}" rx="10"'
        picture.lines.append(f'<rect {frame} fill="{RULE}" fill-opacity="0.22" stroke="{RULE}"/>')
        picture.text(14, top + 17, _size(graph, problem, level), colour=MUTED)
        picture.grow(places.right, bottom)
        if level > 0:
            _draw_halving(picture, places.spine, top - GAP / 2, MUTED)


def _draw_halving(picture: Picture, x: float, y: float, colour: str) -> None:
    """The mark of a reduction, on a line that runs down."""
    path = f"M{x:.1f} {y - 6:.1f}L{x + 6:.1f} {y:.1f}L{x:.1f} {y + 6:.1f}L{x - 6:.1f} {y:.1f}Z"
    picture.shapes.append(f'<path d="{path}" fill="{CARD}" stroke="{colour}" stroke-width="1.8"/>')


def _draw_ends(picture: Picture, graph: LayerGraph, problem: Problem, places: _Places) -> None:
    """What comes before the layers and after them."""
    shape = " × ".join(map(str, problem.input_shape))
    begin, end = _draw_row(picture, [f"input {shape}", f"stem, {graph.filters} channels"], 0, PILL / 2)
    x = min(max(places.spine, begin + 14), end - 14)
    _draw_turn(picture, places, f"M{x:.1f} {PILL:.1f}", places.rows[0] - TURN)
    bottom = places.bands[-1][1] + GAP
    picture.line(f"M{places.spine:.1f} {places.rows[-1]:.1f}V{bottom:.1f}{_tip(places.spine, bottom)}")
    _draw_row(picture, ["mean over positions", f"linear → {problem.outputs}"], places.spine - 60, bottom + PILL / 2)


def _draw_row(picture: Picture, words: Sequence[str], x: float, y: float) -> tuple[float, float]:
    """Pills from left to right with arrows between them; returns where the last one begins and ends."""
    begin = end = x
    for i, word in enumerate(words):
        begin = end + 22 if i else x
        if i:
            picture.line(
                f"M{end:.1f} {y:.1f}H{begin:.1f}M{begin - 6:.1f} {y - 4:.1f}L{begin - 1:.1f} {y:.1f}L{begin - 6:.1f} {y + 4:.1f}"
            )
        end = begin + width_of(word)
        picture.pill(begin, y, end - begin, word, MUTED)
    return begin, end


def _tip(x: float, y: float) -> str:
    """The head of an arrow that points down to (x, y)."""
    return f"M{x - 4:.1f} {y - 6:.1f}L{x:.1f} {y - 1:.1f}L{x + 4:.1f} {y - 6:.1f}"


def _draw_turn(picture: Picture, places: _Places, path: str, y: float) -> None:
    """From a line's end to the next operation: along y to the left, then down into it."""
    x, end = LEFT + places.pill / 2, y + TURN - PILL / 2
    picture.line(f"{path}V{y:.1f}H{x:.1f}V{end:.1f}{_tip(x, end)}")


def _draw_layer(picture: Picture, graph: LayerGraph, k: int, places: _Places) -> None:
    """The operation, its sum with the skip connections, and the line to the next layer."""
    layer, y, spine = graph.layers[k - 1], places.rows[k - 1], places.spine
    colour = colour_of(layer.operation)
    picture.text(LEFT - 10, y + 4, f"layer {k}", anchor="end", colour=MUTED)
    picture.pill(LEFT, y, places.pill, layer.operation, colour)
    path = f"M{LEFT + places.pill:.1f} {y:.1f}H{spine:.1f}"
    if k < len(graph.layers):
        _draw_turn(picture, places, path, places.rows[k] - TURN)
    else:
        picture.line(path)
    if layer.skips:
        picture.line(f"M{spine + SUM:.1f} {y:.1f}H{max(places.buses[j] for j in layer.skips):.1f}")
        _draw_sum(picture, spine, y)


def _draw_sum(picture: Picture, x: float, y: float) -> None:
    stroke = f'stroke="{INK}" stroke-width="1.5"'
    picture.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{SUM}" fill="{CARD}" {stroke}/>')
    picture.shapes.append(f'<path d="M{x - 5:.1f} {y:.1f}H{x + 5:.1f}M{x:.1f} {y - 5:.1f}V{y + 5:.1f}" {stroke}/>')


def _draw_bus(picture: Picture, graph: LayerGraph, state: int, x: float, places: _Places) -> None:
    """The bus from a layer to those that add its output, with a mark at each reduction on the way."""
    colour, readers = colour_of(graph.layers[state - 1].operation), [k for source, k in graph.skips if source == state]
    begin, end = places.rows[state - 1] + TURN, places.rows[max(readers) - 1]
    picture.line(f"M{places.spine:.1f} {begin:.1f}H{x - 6:.1f}Q{x:.1f} {begin:.1f} {x:.1f} {begin + 6:.1f}V{end:.1f}", colour, 2.0)
    picture.dot(places.spine, begin, colour)
    for top, _ in places.bands:
        if begin < top < end:
            _draw_halving(picture, x, top - GAP / 2, colour)
    for k in readers:
        picture.shapes.append(f'<circle cx="{x:.1f}" cy="{places.rows[k - 1]:.1f}" r="4" fill="{colour}"/>')


def _draw_key(picture: Picture, graph: LayerGraph, places: _Places) -> None:
    """What the colours and marks mean, and the number of skip connections."""
    y = picture.height + 24
    draw_legend(picture, [layer.operation for layer in graph.layers], y)
    possible = len(graph.layers) * (len(graph.layers) - 1) // 2
    picture.text(
        0,
        y + 22,
        f"{len(graph.skips)} of {possible} skip connections: a dot marks a line that is added to the layer's sum",
        colour=MUTED,
    )
    if graph.reductions:
        _draw_halving(picture, 6, y + 40, MUTED)
        picture.text(20, y + 44, REDUCED, colour=MUTED)
