"""Pictures of recurrent cells: the tree of nodes from the input to the mean, and the line back to the next step."""

from __future__ import annotations

from archwright.architecture.recurrent_cell import INPUT, RecurrentCell
from archwright.report.operation_families import colour_of
from archwright.report.picture import CHARACTER, INK, MUTED, PILL, Picture, width_of

ROW, TOP, GAP = 34.0, 44.0, 34.0
X, H_BEFORE, H = "xₜ", "hₜ₋₁", "hₜ"
INPUT_WIDTH, MEAN_WIDTH = 52.0, 26.0


def draw_recurrent_cell(cell: RecurrentCell) -> Picture:
    """Nodes are in columns by depth, and a node's line to the mean runs straight along its row: no two lines cross."""
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
    """A row for each loose end, shared by the nodes on the path to it; if all nodes are averaged, a row for each node."""
    rows = {INPUT: 0}
    last = 0

    def place_readers(state: int) -> None:
        nonlocal last
        for number, node in enumerate(cell.readers.get(state, ())):
            same_row = number == 0 and (state == INPUT or cell.averaged == "loose_ends")
            last += not same_row
            rows[node] = last
            place_readers(node)

    place_readers(INPUT)
    return rows


def _label(cell: RecurrentCell, node: int) -> str:
    return f"{node} {cell.activations[node - 1]}"


def _draw_edges(
    picture: Picture, cell: RecurrentCell, middles: dict[int, float], lefts: dict[int, float], rights: dict[int, float]
) -> None:
    """The bus from each state to the nodes that read it; x and h join at the bus of the input."""
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
    """The mean of the output nodes, h_t, and the line back to the left, below all rows."""
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
    """What a node computes, and what the output is."""
    node = "Each node multiplies its input by its own weight matrix and applies its activation"
    node += "; a highway gate mixes the result with the input." if cell.highway else "."
    return [node, f"{H} is the mean of {'all nodes' if cell.averaged == 'all_nodes' else 'the nodes that no other node reads'}."]
