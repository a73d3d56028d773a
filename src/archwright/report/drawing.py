"""Pictures of architectures: a cell as a wiring diagram, a chain as its stages, anything else as a table of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.architecture.cell_graph import CellGraph, CellPair
from archwright.architecture.layer_graph import LayerGraph
from archwright.architecture.recurrent_cell import RecurrentCell
from archwright.data.problem import Problem
from archwright.network.chain_description import Chain, ChainStage
from archwright.report.layer_drawing import draw_layers
from archwright.report.operation_families import colour_of
from archwright.report.picture import CARD, CHARACTER, INK, MUTED, RULE, Picture, draw_legend, stacked, width_of
from archwright.report.recurrent_drawing import draw_recurrent_cell

ROW, GROUP_GAP, RADIUS = 32.0, 18.0, 13.0
MOST_ANSWERS = 96


def draw_architecture(space: str, description: Any, answers: Mapping[str, Any], problem: Problem) -> str:
    """The picture of an architecture as one <svg> element.

    description: what the space's `decide` returned; a CellPair, CellGraph, LayerGraph, Chain or RecurrentCell has a picture
    of its own; for anything else the `answers` are shown as a table.
    """
    if isinstance(description, CellPair):
        cells = {"Normal cell" if description.reduction else "Cell, used at both strides": description.normal}
        if description.reduction:
            cells["Reduction cell"] = description.reduction
        return _cells(cells, space)
    if isinstance(description, CellGraph):
        return _cells({"Cell": description}, space)
    if isinstance(description, LayerGraph):
        return stacked([draw_layers(description, problem)], f"Layers of the {space} architecture")
    if isinstance(description, Chain):
        return stacked([_chain(description, problem)], f"Stages of the {space} architecture")
    if isinstance(description, RecurrentCell):
        return stacked([draw_recurrent_cell(description)], f"Cell of the {space} architecture")
    return stacked([_table(answers)], f"Answers of the {space} architecture")


# A cell. Every node has a column of its own and one row for each operation that it sums; so the output of a node runs down a bus at
# its right and then straight along the row of the operation that reads it. No line crosses a word.


def _cells(cells: Mapping[str, CellGraph], space: str) -> str:
    """Cells below each other, with one legend."""
    pictures = [_cell(cell, title) for title, cell in cells.items()]
    operations = [operation for cell in cells.values() for node in cell.nodes for _, operation in node.edges]
    draw_legend(pictures[-1], operations, pictures[-1].height + 22)
    return stacked(pictures, f"Cells of the {space} architecture")


def _cell(cell: CellGraph, title: str) -> Picture:
    picture = Picture()
    picture.text(0, 14, title, size=14, bold=True)
    names = _input_names(cell.inputs)
    height, middles, rows = _rows(cell)
    exits = _draw_inputs(picture, names, middles)
    buses = [exits + 12 * (cell.inputs - 1 - i) for i in range(cell.inputs)]
    left = exits + 12 * cell.inputs + 8
    for i, node in enumerate(cell.nodes):
        state = cell.inputs + i
        left = _draw_node(picture, cell, node.edges, str(i + 1), left, rows[i], middles[state], buses)
        buses.append(left - 16)
    _draw_buses(picture, cell, middles, rows, buses)
    _draw_output(picture, cell, middles, left, height)
    return picture


def _input_names(inputs: int) -> tuple[str, ...]:
    """The two preceding cells, as in NASNet; the single input of a NAS-Bench-201 cell."""
    if inputs == 2:
        return ("cell before previous", "previous cell")
    return ("input",) if inputs == 1 else tuple(f"input {i + 1}" for i in range(inputs))


def _rows(cell: CellGraph) -> tuple[float, list[float], list[list[float]]]:
    """The height, the middle of each state, and for each node the rows of its operations (one row if it has none)."""
    y = 44.0
    middles: list[float] = []
    for _ in range(cell.inputs):
        middles.append(y)
        y += ROW + 2
    rows = []
    for node in cell.nodes:
        y += GROUP_GAP / 2
        own = [y + ROW * k for k in range(max(1, len(node.edges)))]
        rows.append(own)
        middles.append(sum(own) / len(own))
        y = own[-1] + ROW + GROUP_GAP / 2
    return y - ROW / 2, middles, rows


def _draw_inputs(picture: Picture, names: Sequence[str], middles: Sequence[float]) -> float:
    """The cell's inputs; returns where their buses may begin."""
    width = max(width_of(name) for name in names)
    for name, y in zip(names, middles, strict=False):
        picture.pill(0, y, width, name, MUTED)
    return width + 14


def _draw_node(
    picture: Picture,
    cell: CellGraph,
    edges: Sequence[tuple[int, str]],
    name: str,
    left: float,
    rows: Sequence[float],
    middle: float,
    buses: Sequence[float],
) -> float:
    """A node with the operations that it sums; returns where the next column begins."""
    labels = [operation for _, operation in edges] or ["zeros"]
    width = max(width_of(label) for label in labels)
    centre = left + width + 26 + RADIUS
    for k, y in enumerate(rows):
        source, operation = edges[k] if edges else (None, "none")
        colour = colour_of(operation)
        if source is not None:
            picture.line(f"M{buses[source]:.1f} {y:.1f}H{left:.1f}", colour)
        picture.pill(left, y, width, labels[k], colour, dashed=source is None)
        bend = left + width + 13
        picture.line(f"M{left + width:.1f} {y:.1f}C{bend:.1f} {y:.1f} {bend:.1f} {middle:.1f} {centre:.1f} {middle:.1f}", colour)
    picture.shapes.append(
        f'<circle cx="{centre:.1f}" cy="{middle:.1f}" r="{RADIUS}" fill="{CARD}" stroke="{INK}" stroke-width="1.5"/>'
    )
    picture.text(centre, middle + 4, name, anchor="middle", bold=True)
    return centre + RADIUS + 14 + 16


def _draw_buses(
    picture: Picture, cell: CellGraph, middles: Sequence[float], rows: Sequence[Sequence[float]], buses: Sequence[float]
) -> None:
    """The bus of each state, down to the rows of the operations that read it."""
    for state, x in enumerate(buses):
        read = [
            y
            for node, own in zip(cell.nodes, rows, strict=True)
            for (source, _), y in zip(node.edges, own, strict=False)
            if source == state
        ]
        if not read:
            continue
        begin = x - 14 if state >= cell.inputs else 40
        picture.line(f"M{begin:.1f} {middles[state]:.1f}H{x:.1f}V{max(read):.1f}", MUTED)
        for y in read:
            picture.dot(x, y, MUTED)


def _draw_output(picture: Picture, cell: CellGraph, middles: Sequence[float], left: float, height: float) -> None:
    """The cell's output: all nodes concatenated, or the last node if the cell has one input."""
    outputs = range(cell.inputs, len(middles)) if cell.inputs > 1 else range(len(middles) - 1, len(middles))
    words = "concatenate" if len(outputs) > 1 else "output"
    long = len(words) * CHARACTER + 16
    span = (middles[outputs[0]], middles[outputs[-1]])
    top, bottom = min(span[0] - 14, sum(span) / 2 - long / 2), max(span[1] + 14, sum(span) / 2 + long / 2)
    columns = _column_ends(cell, left)
    for state in outputs:
        picture.line(f"M{columns[state]:.1f} {middles[state]:.1f}H{left:.1f}", MUTED)
    picture.box(left, top, 26, bottom - top, MUTED, 0.16)
    x, y = left + 17, (top + bottom) / 2
    picture.shapes.append(
        f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" font-size="12" text-anchor="middle" fill="{INK}">{words}</text>'
    )
    picture.grow(left + 30, max(bottom, height))


def _column_ends(cell: CellGraph, left: float) -> dict[int, float]:
    """Where each node's circle ends, computed backwards from the last column."""
    ends, x = {}, left
    for i in reversed(range(len(cell.nodes))):
        ends[cell.inputs + i] = x - 30
        x -= max(width_of(op) for op in [operation for _, operation in cell.nodes[i].edges] or ["zeros"]) + 26 + 2 * RADIUS + 30
    return ends


# A chain: a card for each stage, with one bar per block (the wider the block, the taller the bar) and arcs for the connections.

BAR, BAR_GAP, TALLEST, CARD_TEXT = 20.0, 14.0, 56.0, 19.0
CARDS_IN_A_ROW = 4


def _chain(chain: Chain, problem: Problem) -> Picture:
    picture = Picture()
    widest = max(stage.width for stage in chain.stages)
    lines = max(len(_stage_words(stage, problem)) for stage in chain.stages)
    height = 60 + TALLEST + lines * CARD_TEXT + 12
    starts = range(0, len(chain.stages), CARDS_IN_A_ROW)
    x = _column_of_pills(picture, _first_words(chain, problem), 0, height / 2)
    left, y = x + 26, 0.0
    for start in starts:
        stages = chain.stages[start : start + CARDS_IN_A_ROW]
        x = _row_of_cards(picture, stages, start, left, y, height, widest, problem)
        y += height + 24
    middle = y - 24 - height / 2
    _arrow(picture, x, middle, x + 26)
    _column_of_pills(
        picture, (["mean over positions"] if problem.dimensions else []) + [f"linear → {problem.outputs}"], x + 26, middle
    )
    draw_legend(picture, [stage.operation for stage in chain.stages], y + 10)
    return picture


def _first_words(chain: Chain, problem: Problem) -> list[str]:
    stem = f"stem, stride {chain.stem_stride}" if chain.stem_stride > 1 else "stem"
    return ["input " + " × ".join(map(str, problem.input_shape)), stem, f"activation {chain.activation}"]


def _column_of_pills(picture: Picture, words: Sequence[str], x: float, middle: float) -> float:
    """Pills below each other, centred on `middle`; returns the right end."""
    width = max(width_of(word) for word in words)
    for i, word in enumerate(words):
        picture.pill(x, middle + ROW * (i - (len(words) - 1) / 2), width, word, MUTED)
    return x + width


def _arrow(picture: Picture, x: float, y: float, end: float) -> None:
    picture.line(f"M{x:.1f} {y:.1f}H{end - 2:.1f}M{end - 7:.1f} {y - 4:.1f}L{end - 2:.1f} {y:.1f}L{end - 7:.1f} {y + 4:.1f}", MUTED)


def _row_of_cards(
    picture: Picture, stages: Sequence[ChainStage], before: int, x: float, y: float, height: float, widest: int, problem: Problem
) -> float:
    """The cards of some stages, with an arrow before each; returns the right end."""
    for i, stage in enumerate(stages):
        _arrow(picture, x - 26, y + height / 2, x)
        lines = _stage_words(stage, problem)
        bars = stage.depth * (BAR + BAR_GAP) + BAR_GAP
        width = max(bars + 20, max(width_of(line, 28) for line in lines), 120)
        floor = y + 60 + TALLEST
        picture.box(x, y, width, height, RULE, 0.12, corner=10)
        picture.text(x + 14, y + 22, f"Stage {before + i + 1}", size=13, bold=True)
        _blocks(picture, stage, x + (width - bars) / 2, floor, colour_of(stage.operation), widest)
        for k, line in enumerate(lines):
            picture.text(x + 14, floor + 22 + k * CARD_TEXT, line, colour=INK if k < 2 else MUTED)
        x += width + 26
    return x - 26


def _blocks(picture: Picture, stage: ChainStage, x: float, floor: float, colour: str, widest: int) -> None:
    """One bar per block, the line through them, and an arc for each connection around blocks."""
    tall = 14 + (TALLEST - 14) * (stage.width / widest) ** 0.5
    gaps = [x + BAR_GAP / 2 + k * (BAR + BAR_GAP) for k in range(stage.depth + 1)]
    middle = floor - tall / 2
    picture.shapes.append(f'<path d="M{gaps[0]:.1f} {middle:.1f}H{gaps[-1]:.1f}" stroke="{MUTED}" stroke-width="1.6"/>')
    for gap in gaps[:-1]:
        picture.box(gap + BAR_GAP / 2, floor - tall, BAR, tall, colour, 0.35, corner=4)
    spans = [(k, k + 1) for k in range(stage.depth)] if stage.connectivity == "residual" else []
    if stage.connectivity == "dense":
        spans = [(k, end) for k in range(stage.depth) for end in range(k + 1, stage.depth + 1)]
    for begin, end in spans:
        top = floor - tall - 6 - 7 * (end - begin)
        path = f"M{gaps[begin]:.1f} {middle:.1f}V{top + 6:.1f}Q{gaps[begin]:.1f} {top:.1f} {gaps[begin] + 6:.1f} {top:.1f}"
        path += f"H{gaps[end] - 6:.1f}Q{gaps[end]:.1f} {top:.1f} {gaps[end]:.1f} {top + 6:.1f}V{middle:.1f}"
        picture.shapes.append(f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.2"/>')


def _stage_words(stage: ChainStage, problem: Problem) -> list[str]:
    """The lines on a card: blocks, width, connections, and what only some stages have."""
    kernel = " × ".join([str(stage.kernel)] * max(problem.dimensions, 1)) if stage.kernel else ""
    unit = "channels" if problem.dimensions else "features"
    words = [f"{stage.depth} × {stage.operation} {kernel}".rstrip(), f"{stage.width} {unit}", f"{stage.connectivity} connections"]
    if stage.pooling:
        words.append("halved by stride" if stage.pooling == "stride" else f"halved by {stage.pooling} pooling")
    if stage.expansion:
        words.append(f"expansion {stage.expansion}")
    return words


# Anything else.


def _table(answers: Mapping[str, Any]) -> Picture:
    """Questions and answers, in enough columns to make the picture about square."""
    picture = Picture()
    pairs = [(_short(name), _short(str(answer))) for name, answer in list(answers.items())[:MOST_ANSWERS]]
    if not pairs:
        picture.text(0, 14, "This architecture has no answers.", colour=MUTED)
        return picture
    columns = 1 if len(pairs) <= 12 else 2 if len(pairs) <= 40 else 3
    tall = -(-len(pairs) // columns)
    x = 0.0
    for start in range(0, len(pairs), tall):
        group = pairs[start : start + tall]
        names, values = (max(width_of(pair[i], 24) for pair in group) for i in (0, 1))
        for k, (name, answer) in enumerate(group):
            y = 24.0 * k
            if k % 2 == 0:
                frame = f'x="{x:.1f}" y="{y:.1f}" width="{names + values:.1f}" height="24" rx="4"'
                picture.lines.append(f'<rect {frame} fill="{RULE}" fill-opacity="0.4"/>')
            picture.text(x + 10, y + 16, name, colour=MUTED)
            picture.text(x + names, y + 16, answer, bold=True)
        picture.grow(x + names + values, 24.0 * len(group))
        x += names + values + 22
    if len(answers) > MOST_ANSWERS:
        picture.text(10, 24.0 * tall + 18, f"and {len(answers) - MOST_ANSWERS} more answers, in architecture.json", colour=MUTED)
    return picture


def _short(words: str, most: int = 36) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
