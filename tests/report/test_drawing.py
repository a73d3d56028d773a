import itertools
import re
from random import Random
from xml.etree import ElementTree

import pytest

from archwright.architecture.cell_graph import CellGraph, CellPair, Node
from archwright.data.problem import Problem
from archwright.network.chain_description import Chain, ChainStage
from archwright.report.drawing import draw_architecture
from archwright.report.picture import CHARACTER
from archwright.search_space import make_space

PROBLEM = Problem("digits", "classification", (1, 32, 32), 10)
SERIES = Problem("waves", "regression", (3, 128), 2)
TEXT = Problem("plays", "language_modelling", (64,), 100)
SPACES = [
    ("cell", {"operations": "darts", "inputs": "distinct"}),
    ("cell", {"operations": "nasnet", "blocks": "5"}),
    ("cell", {"operations": "pnas", "cells": "1", "blocks": "3"}),
    ("nasbench201", {}),
    ("enas_macro", {}),
    ("enas_macro", {"layers": "24", "filters": "96"}),
    ("enas_macro", {"layers": "1"}),
    ("enas_micro", {"nodes": "5"}),
    ("chain", {}),
    ("chain", {"most_blocks": "5"}),
    ("recurrent", {"nodes": 12}),
    ("recurrent", {"averaged": "all_nodes", "highway": False}),
]


def drawing(name, settings, seed, problem=PROBLEM):
    problem = TEXT if name == "recurrent" else problem
    space = make_space(name, settings).for_problem(problem)
    architecture = space.sample(Random(seed))
    return draw_architecture(name, space.describe(architecture), architecture.answers, problem)


def parts(svg):
    """(boxes, texts) with the shift of the group that each is in: (x, y, width, height) and (x0, x1, y, words)."""
    root = ElementTree.fromstring(svg)
    boxes, texts = [], []
    for group in root:
        dy = float(re.findall(r"[\d.]+", group.get("transform"))[1])
        for node in group:
            tag = node.tag.rpartition("}")[2]
            if tag == "rect" and node.get("fill-opacity") == "0.16":
                boxes.append((float(node.get("x")), float(node.get("y")) + dy, float(node.get("width")), float(node.get("height"))))
            if tag == "text" and node.get("transform") is None:
                wide = len(node.text) * CHARACTER * float(node.get("font-size")) / 12 * 0.9
                x = float(node.get("x")) - {"start": 0.0, "middle": wide / 2, "end": wide}[node.get("text-anchor")]
                texts.append((x, x + wide, float(node.get("y")) + dy, node.text))
    return boxes, texts


@pytest.mark.parametrize(("name", "settings"), SPACES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_neither_words_nor_boxes_overlap(name, settings, seed):
    boxes, texts = parts(drawing(name, settings, seed))
    assert len(texts) > 3
    for (x0, x1, y, words), (u0, u1, v, others) in itertools.combinations(texts, 2):
        assert x1 <= u0 or u1 <= x0 or abs(y - v) > 11, (words, others)
    for (x, y, w, h), (u, v, s, t) in itertools.combinations(boxes, 2):
        assert x + w <= u or u + s <= x or y + h <= v or v + t <= y


@pytest.mark.parametrize(("name", "settings"), SPACES)
def test_all_lies_inside_the_picture(name, settings):
    svg = drawing(name, settings, 3)
    width, height = (float(n) for n in re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())
    boxes, texts = parts(svg)
    assert max([x + w for x, _, w, _ in boxes] + [x1 for _, x1, _, _ in texts]) <= width
    assert max([y + h for _, y, _, h in boxes] + [y for _, _, y, _ in texts]) <= height


def test_a_cell_shows_every_operation_and_joins_it_to_its_source():
    cell = CellGraph("normal", 2, (Node((0, 1), ("sep_conv_3x3", "max_pool_3x3")), Node((1, 2), ("skip_connect", "dil_conv_5x5"))))
    svg = draw_architecture("cell", CellPair(cell), {}, PROBLEM)
    words = [text for *_, text in parts(svg)[1]]
    assert {"sep_conv_3x3", "max_pool_3x3", "skip_connect", "dil_conv_5x5"} <= set(words)
    assert "Cell, used at both strides" in words
    rows = {text: y - 4 for *_, y, text in parts(svg)[1]}
    begins = {float(y): float(x) for x, y in re.findall(r'd="M([\d.]+) ([\d.]+)H', svg)}
    shift = rows["sep_conv_3x3"] - next(y for y in begins if abs(y - rows["sep_conv_3x3"]) < 6)
    first, last = (begins[rows[op] - shift] for op in ("sep_conv_3x3", "max_pool_3x3"))
    assert begins[rows["skip_connect"] - shift] == last  # the second input's bus
    assert first != last
    assert begins[rows["dil_conv_5x5"] - shift] > max(first, last)  # the first node's bus, further right


def test_two_cells_are_drawn_with_their_names():
    cell = CellGraph("normal", 2, (Node((0, 1), ("sep_conv_3x3", "none")),))
    words = [text for *_, text in parts(draw_architecture("cell", CellPair(cell, cell), {}, PROBLEM))[1]]
    assert {"Normal cell", "Reduction cell"} <= set(words)
    assert "none" not in words


def test_a_node_without_inputs_is_drawn_as_zeros():
    cell = CellGraph("cell", 1, (Node((0,), ("none",)), Node((0, 1), ("skip_connect", "none")), Node((0, 1, 2), ("none",) * 3)))
    words = [text for *_, text in parts(draw_architecture("nasbench201", cell, {}, PROBLEM))[1]]
    assert words.count("zeros") == 2


def test_a_chain_shows_what_each_stage_is():
    stages = (
        ChainStage(2, 24, "conv", "residual", kernel=3),
        ChainStage(3, 32, "mbconv", "dense", kernel=5, expansion=4, pooling="max"),
    )
    words = [text for *_, text in parts(draw_architecture("chain", Chain(stages, "silu", 2), {}, PROBLEM))[1]]
    for expected in (
        "2 × conv 3 × 3",
        "24 channels",
        "residual connections",
        "3 × mbconv 5 × 5",
        "halved by max pooling",
        "expansion 4",
    ):
        assert expected in words
    assert "stem, stride 2" in words
    series = [text for *_, text in parts(draw_architecture("chain", Chain(stages, "silu"), {}, SERIES))[1]]
    assert "2 × conv 3" in series


def test_arcs_are_as_many_as_connections_around_blocks():
    def arcs(connectivity):
        chain = Chain((ChainStage(3, 16, "conv", connectivity, kernel=3),), "relu")
        return draw_architecture("chain", chain, {}, PROBLEM).count("Q") // 2

    assert (arcs("plain"), arcs("residual"), arcs("dense")) == (0, 3, 6)


def test_other_spaces_are_drawn_as_a_table():
    svg = draw_architecture("mine:Space", object(), {"depth": 3, "<b>": "a & b"}, PROBLEM)
    assert [text for *_, text in parts(svg)[1]] == ["depth", "3", "<b>", "a & b"]


def test_a_table_is_bounded_and_says_what_it_leaves_out():
    svg = draw_architecture("mine:Space", None, {f"question {i}": i for i in range(500)}, PROBLEM)
    assert len(svg) < 60_000
    assert "and 404 more answers" in svg
    assert "no answers" in draw_architecture("mine:Space", None, {}, PROBLEM)
