"""The heat map of an edge: every cell is drawn once, as dark as its weight, and names are escaped."""

import re
from xml.etree import ElementTree

from archwright.report.heat_map import MOST_COLUMNS, SHADES, heat_map, heaviest_of

NAMES = ("none", "skip_connect", "sep_conv_3x3")


def cells(svg):
    """(column, row) -> shade, from the paths in units of cells."""
    found = {}
    for node in ElementTree.fromstring(svg).iter():
        if node.tag.endswith("path"):
            shade = round(float(node.get("fill-opacity")) * SHADES)
            for column, row, length, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", node.get("d")):
                assert length == back
                for i in range(int(length)):
                    place = int(column) + i, int(row)
                    assert place not in found
                    found[place] = shade
    return found


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


def test_each_cell_is_as_dark_as_its_weight():
    epochs = [(0.0, 0.25, 0.5), (0.1, 0.25, 0.3), (0.5, 0.25, 0.01)]
    drawn = cells(heat_map(NAMES, epochs, 0.5))
    for column, weights in enumerate(epochs):
        for row, weight in enumerate(weights):
            assert drawn.get((column, row), 0) == round(SHADES * weight / 0.5)


def test_the_last_weights_are_beside_their_rows_and_the_heaviest_is_bold():
    svg = heat_map(NAMES, [(0.3, 0.3, 0.3), (0.1, 0.7, 0.2)], 1.0)
    assert texts(svg) == ["none", "0.10", "skip_connect", "0.70", "sep_conv_3x3", "0.20"]
    assert re.findall(r'font-weight="600">([^<]*)<', svg) == ["skip_connect", "0.70"]


def test_long_searches_are_thinned_and_keep_their_ends():
    epochs = [(i / 999, 1 - i / 999) for i in range(1000)]
    drawn = cells(heat_map(NAMES[:2], epochs, 1.0))
    assert {column for column, _ in drawn} == set(range(MOST_COLUMNS))
    assert drawn[0, 1] == drawn[MOST_COLUMNS - 1, 0] == SHADES
    assert (0, 0) not in drawn


def test_names_are_escaped_and_long_ones_are_shortened():
    svg = heat_map(("<script>", "a_candidate_with_a_long_name"), [(0.5, 0.5)], 1.0)
    assert "<script" not in svg
    assert texts(svg)[0] == "<script>"
    assert len(texts(svg)[2]) < 20
    assert texts(svg)[2].endswith("…")


def test_the_darkest_shade_is_the_heaviest_weight_of_the_search():
    assert heaviest_of([{"weights": [[0.1, 0.2], [0.3]]}, {"weights": [[0.4, 0.0], [0.1]]}]) == 0.4
    assert heaviest_of([]) == heaviest_of([{"weights": [[0.0]]}]) == 1.0
