import re
from xml.etree import ElementTree

import pytest

from archwright.architecture.layer_graph import Layer, LayerGraph
from archwright.data.problem import Problem
from archwright.report.drawing import draw_architecture
from archwright.report.layer_drawing import SUM, draw_layers

IMAGES = Problem("images", "classification", (3, 32, 32), 10)
SKIPS = [(), (1,), (), (1, 3), (), (1, 2, 5)]
GRAPH = LayerGraph(tuple(Layer("conv_3x3", skips) for skips in SKIPS), reductions=2, filters=16)


def drawn(graph, problem=IMAGES):
    return draw_architecture("enas_macro", graph, {}, problem)


def words(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


def circles(svg, radius):
    return [(float(x), float(y)) for x, y in re.findall(rf'<circle cx="([\d.]+)" cy="([\d.]+)" r="{radius}"', svg)]


def test_each_skip_is_a_dot_on_the_row_of_its_layer_and_the_bus_of_its_source():
    svg = drawn(GRAPH)
    dots, sums = circles(svg, "4"), circles(svg, SUM)
    assert len(dots) == len(GRAPH.skips) == 6
    assert len(sums) == 3, "a sum where skips are added"
    buses = sorted({x for x, _ in dots}, reverse=True)
    sources = dict(zip(buses, [1, 2, 3, 5], strict=True))  # the earliest is the outermost
    rows = dict(zip([y for _, y in sums], [2, 4, 6], strict=True))
    assert sorted((sources[x], rows[y]) for x, y in dots) == sorted(GRAPH.skips)


def test_reductions_are_marked_on_every_line_that_crosses_one():
    """The row of layers crosses both; layer 1's bus both, layer 2's both, layer 3's none, layer 5's none; and one is in the key."""
    assert drawn(GRAPH).count('Z" fill') == 2 + 2 + 2 + 1
    unreduced = LayerGraph(GRAPH.layers, reductions=0, filters=16)
    assert 'Z" fill' not in drawn(unreduced)


def test_sizes_and_channels_are_shown():
    assert {"input 3 × 32 × 32", "32 × 32, 16 channels", "16 × 16, 32 channels", "8 × 8, 64 channels"} <= set(words(drawn(GRAPH)))
    assert "6 of 15 skip connections: a dot marks a line that is added to the layer's sum" in words(drawn(GRAPH))
    series = words(drawn(GRAPH, Problem("waves", "regression", (2, 50), 2)))
    assert {"50, 16 channels", "25, 32 channels", "13, 64 channels", "linear → 2"} <= set(series)


def test_no_two_buses_lie_on_each_other_and_none_leaves_its_field():
    layers = tuple(Layer("sep_conv_3x3", tuple(range(1, k))) for k in range(1, 13))
    graph = LayerGraph(layers, reductions=2, filters=8)
    svg = drawn(graph)
    xs = {x for x, _ in circles(svg, "4")}
    assert len(xs) == 11
    assert min(b - a for a, b in zip(sorted(xs), sorted(xs)[1:], strict=False)) > 2 * 6, "marks are as wide"
    assert max(xs) < draw_layers(graph, IMAGES).width


@pytest.mark.parametrize("layers", [1, 2, 100])
def test_any_number_of_layers_is_drawn(layers):
    graph = LayerGraph((Layer("max_pool_3x3", ()),) * layers, reductions=min(2, layers - 1), filters=4)
    found = words(drawn(graph))
    assert [word for word in found if word.startswith("layer")] == [f"layer {k}" for k in range(1, layers + 1)]
