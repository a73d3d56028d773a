import re
from random import Random

import pytest

from archwright.architecture.recurrent_cell import RecurrentCell
from archwright.report.recurrent_drawing import GAP, INPUT_WIDTH, draw_recurrent_cell
from archwright.search_space.recurrent import Recurrent

PAPER = RecurrentCell((0, 1, 2, 1), ("tanh", "relu", "relu", "tanh"))


def words(picture):
    return re.findall(r">([^<>]+)</text>", "".join(picture.shapes))


def segments(picture):
    """The straight pieces of all lines that are not dashed: (x, y, u, v)."""
    found = []
    for path in (re.search(r'd="([^"]+)"', line) for line in picture.lines if "dasharray" not in line):
        if path is None:
            continue
        x, y = map(float, re.match(r"M([\d.]+) ([\d.]+)", path[1]).groups())
        for direction, value in re.findall(r"([HV])([\d.]+)", path[1]):
            u, v = (float(value), y) if direction == "H" else (x, float(value))
            found.append((min(x, u), min(y, v), max(x, u), max(y, v)))
            x, y = u, v
    return found


def test_the_nodes_have_their_numbers_and_the_input_and_output_their_names():
    picture = draw_recurrent_cell(PAPER)
    assert words(picture)[:8] == ["Recurrent cell", "xₜ", "hₜ₋₁", "1 tanh", "2 relu", "3 relu", "4 tanh", "mean"]
    assert "hₜ is the mean of the nodes that no other node reads." in words(picture)
    assert not any("highway" in text for text in words(picture))


def test_the_picture_explains_a_highway_and_the_mean_of_all_nodes():
    text = " ".join(words(draw_recurrent_cell(RecurrentCell((0,), ("tanh",), highway=True, averaged="all_nodes"))))
    assert "highway" in text
    assert "mean of all nodes" in text


@pytest.mark.parametrize("averaged", ["loose_ends", "all_nodes"])
@pytest.mark.parametrize("seed", range(10))
def test_no_two_lines_cross(averaged, seed):
    """Vertical pieces meet horizontal ones at their ends only, or where a branch leaves a bus."""
    space = Recurrent(nodes=10, averaged=averaged)
    picture = draw_recurrent_cell(space.describe(space.sample(Random(seed))))
    pieces = segments(picture)
    for x, y, _, v in (piece for piece in pieces if piece[0] == piece[2]):
        for a, b, c, _ in (piece for piece in pieces if piece[1] == piece[3]):
            if x <= INPUT_WIDTH + GAP:  # the bus of the input, which x and h enter from the left
                continue
            assert not (a < x < c and y < b <= v), f"a line at height {b} crosses the bus at {x}"


@pytest.mark.parametrize(("averaged", "lines"), [("loose_ends", 2), ("all_nodes", 4)])
def test_the_mean_is_reached_by_as_many_lines_as_it_has_nodes(averaged, lines):
    picture = draw_recurrent_cell(RecurrentCell(PAPER.sources, PAPER.activations, averaged=averaged))
    mean = max(u for *_, u, _ in segments(picture)) - GAP / 2 - 26
    assert sum(u == mean for _, _, u, _ in segments(picture)) == lines
