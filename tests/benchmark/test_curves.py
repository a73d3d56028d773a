from __future__ import annotations

import numpy as np
import pytest

from archwright.benchmark import curves
from archwright.benchmark.curves import LEAST_REGRET, query_chart, time_chart
from archwright.benchmark.results import Regrets
from archwright.benchmark.tabular_search import Query, SimulatedSearch


def regrets(*rows):
    return Regrets(np.array(rows), np.array(rows) + 1.0)


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the charts that are drawn."""
    axes = []

    def svg_of(identity, inches, draw, label):
        from matplotlib.figure import Figure

        figure = Figure(figsize=inches)
        draw(figure)
        axes.extend(figure.axes)
        return "<svg/>"

    monkeypatch.setattr(curves, "svg_of", svg_of)
    return axes


def test_a_line_is_the_mean_over_repeats_and_its_band_one_standard_error(drawn):
    query_chart({"mine": regrets([4.0, 2.0], [2.0, 1.0])}, "valid")
    (line,) = drawn[0].lines
    assert line.get_xydata().tolist() == [[1.0, 3.0], [2.0, 1.5]]
    (band,) = drawn[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (pytest.approx(1.0), pytest.approx(4.0))


def test_a_mean_of_zero_leaves_the_chart_at_the_bottom(drawn):
    query_chart({"mine": regrets([4.0, 0.0], [2.0, 0.0])}, "valid")
    assert drawn[0].lines[0].get_ydata()[-1] < drawn[0].get_ylim()[0] == LEAST_REGRET


def test_over_time_each_repeat_counts_its_finished_queries(drawn):
    def search(*ends):
        return SimulatedSearch([Query(i, 0.0, 0.0, end) for i, end in enumerate(ends)], len(ends), 0.0)

    time_chart({"mine": [search(10.0, 100.0), search(20.0, 50.0)]}, {"mine": regrets([4.0, 1.0], [2.0, 0.5])})
    seconds, mean = drawn[0].lines[0].get_xydata().T
    assert (seconds[0], seconds[-1]) == (20.0, 100.0)  # from where both repeats have a result
    for at, expected in ((25.0, 3.0), (60.0, 2.25), (100.0, 0.75)):
        assert mean[np.searchsorted(seconds, at, side="right") - 1] == pytest.approx(expected)


def test_more_strategies_than_colours_differ_in_their_line_styles(drawn):
    query_chart({str(i): regrets([1.0, 0.5]) for i in range(10)}, "test")
    looks = [(line.get_color(), str(line.get_linestyle())) for line in drawn[0].lines]
    assert len(set(looks)) == 10
