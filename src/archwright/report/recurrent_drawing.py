"""A recurrent cell as a picture: the tree of its nodes from the input to the mean, and the way back to the next step."""

from __future__ import annotations

from archwright.architecture.recurrent_cell import INPUT, RecurrentCell
from archwright.report.operation_families import colour_of
from archwright.report.picture import CHARACTER, INK, MUTED, PILL, Picture, width_of

ROW, TOP, GAP = 34.0, 44.0, 34.0
X, H_BEFORE, H = "xₜ", "hₜ₋₁", "hₜ"
INPUT_WIDTH, MEAN_WIDTH = 52.0, 26.0


def draw_recurrent_cell(cell: RecurrentCell) -> Picture:
    """Nodes stand in columns by their depth, and what a node gives to the mean runs straight along its row: no two lines cross."""
    picture = Picture()
    picture.text(0, 14, "Recurrent cell", size=14, bold=True)
    rows = _rows(cell)
    middles = {state: TOP + ROW * row for state, row in rows.items()}
    wide = max(width_of(_label(cell, node)) for node in cell.nodes)
    lefts = {node: INPUT_WIDTH + GAP + (wide + GAP) * (len(cell.path(node)) - 1) for node in cell.nodes}
    rights = {INPUT: INPUT_WIDTH, **{node: left + wide for node, left in lefts.items()}}
    mean = max(rights.values()) + GAP
    _draw_edges(picture, cell, middles, lefts, rights)
    for node in cell.nodes:
        picture.pill(lefts[node], middles[node], wide, _label(cell, node), colour_of(cell.activations[node - 1]))
    for node in cell.outputs:
        picture.line(f"M{rights[node]:.1f} {middles[node]:.1f}H{mean:.1f}", MUTED)
    floor = max(*middles.values(), middles[INPUT] + ROW) + ROW
    _draw_mean(picture, [middles[node] for node in cell.outputs], mean, floor)
    for k, words in enumerate(_words(cell)):
        picture.text(0, floor + 26 + 18 * k, words, colour=MUTED)
    return picture


def _rows(cell: RecurrentCell) -> dict[int, int]:
    """A row for each loose end, which those before it on its way share; where all nodes come out, a row for each."""
    rows = {INPUT: 0}
    last = 0

    def place(state: int) -> None:
        nonlocal last
        for number, node in enumerate(cell.readers.get(state, ())):
            beside = number == 0 and (state == INPUT or cell.averaged == "loose_ends")
            last += not beside
            rows[node] = last
            place(node)

    place(INPUT)
    return rows


def _label(cell: RecurrentCell, node: int) -> str:
    return f"{node} {cell.activations[node - 1]}"


def _draw_edges(
    picture: Picture, cell: RecurrentCell, middles: dict[int, float], lefts: dict[int, float], rights: dict[int, float]
) -> None:
    """From each state down a bus to those that read it; x and h join at the bus of the input."""
    for state, readers in cell.readers.items():
        bus = rights[state] + GAP / 2
        ends = [middles[node] for node in readers] + ([middles[INPUT] + ROW] if state == INPUT else [])
        picture.line(f"M{rights[state]:.1f} {middles[state]:.1f}H{bus:.1f}V{max(ends):.1f}", MUTED)
        for node in readers:
            picture.line(f"M{bus:.1f} {middles[node]:.1f}H{lefts[node]:.1f}", MUTED)
            if len(ends) > 1:
                picture.dot(bus, middles[node], MUTED)
    for number, name in enumerate((X, H_BEFORE)):
        y = middles[INPUT] + ROW * number
        picture.line(f"M{INPUT_WIDTH:.1f} {y:.1f}H{INPUT_WIDTH + GAP / 2:.1f}", MUTED)
        picture.pill(0, y, INPUT_WIDTH, name, MUTED)


def _draw_mean(picture: Picture, middles: list[float], x: float, floor: float) -> None:
    """The mean of the nodes that come out, h_t, and its way back to the left below all rows."""
    words = "mean"
    long = len(words) * CHARACTER + 16
    centre = (min(middles) + max(middles)) / 2
    top, bottom = min(min(middles) - 14, centre - long / 2), max(max(middles) + 14, centre + long / 2)
    picture.box(x, top, MEAN_WIDTH, bottom - top, MUTED, 0.16)
    picture.shapes.append(
        f'<text transform="translate({x + 17:.1f} {centre:.1f}) rotate(-90)" font-size="12" text-anchor="middle" fill="{INK}">'
        f"{words}</text>"
    )
    h = x + MEAN_WIDTH + GAP / 2
    picture.line(f"M{x + MEAN_WIDTH:.1f} {centre:.1f}H{h:.1f}", MUTED)
    picture.pill(h, centre, INPUT_WIDTH, H, MUTED)
    begin, back, end = h + INPUT_WIDTH / 2, INPUT_WIDTH / 2, TOP + ROW + PILL / 2
    path = f"M{begin:.1f} {centre + PILL / 2:.1f}V{floor:.1f}H{back:.1f}V{end + 2:.1f}"
    picture.line(f"{path}M{back - 4:.1f} {end + 7:.1f}L{back:.1f} {end + 2:.1f}L{back + 4:.1f} {end + 7:.1f}", MUTED, dashed=True)
    picture.grow(h + INPUT_WIDTH + 4, floor + 4)


def _words(cell: RecurrentCell) -> list[str]:
    """What a node does, and what comes out."""
    does = "Each node: its activation of what it reads times a matrix of its own"
    does += "; a highway's gate mixes that with what it reads." if cell.highway else "."
    return [does, f"{H} is the mean of {'all nodes' if cell.averaged == 'all_nodes' else 'the nodes that no other reads'}."]
