from xml.etree import ElementTree

import pytest

from archwright.report.chart import MOST_POINTS, SERIES
from archwright.report.curves import (
    cost_column,
    has_place,
    incumbent,
    incumbent_chart,
    learning_chart,
    pareto_chart,
    pareto_front,
)


def row(strategy, sequence, value, seconds=1.0, state="complete", **more):
    return {
        "stage": "search",
        "state": state,
        "strategy": strategy,
        "sequence": sequence,
        "seconds": seconds,
        "val_accuracy": value,
        "macs": 100,
        **more,
    }


def test_the_incumbent_rises_in_order_of_completion_and_failures_cost_time(make_data):
    rows = [row("a", 2, 0.7), row("a", 0, 0.5), row("a", 1, None, 5.0, "failed"), row("a", 3, 0.6), row("b", 0, 0.9)]
    data = make_data(rows=rows)
    assert incumbent(data, "a") == [(1.0, 0.5), (7.0, 0.7)]
    assert incumbent(data, "b") == [(1.0, 0.9)]


def test_the_incumbent_takes_the_elapsed_time_where_it_is_known(make_data):
    data = make_data(rows=[row("a", 0, "0.5", elapsed="30"), row("a", 1, "0.6", elapsed="42.5")])
    assert incumbent(data, "a") == [(30.0, 0.5), (42.5, 0.6)]


def test_the_front_holds_the_points_that_no_other_beats():
    points = [(3, 0.5), (1, 0.2), (2, 0.2), (2, 0.4), (5, 0.5), (4, 0.9), (1, 0.1)]
    assert pareto_front(points) == [(1, 0.2), (2, 0.4), (3, 0.5), (4, 0.9)]
    brute = [p for p in set(points) if not any(o != p and o[0] <= p[0] and o[1] >= p[1] for o in points)]
    assert sorted(brute) == pareto_front(points)


def test_charts_are_svg_in_the_pages_own_colours_and_always_the_same(data):
    for chart in (incumbent_chart, pareto_chart, lambda d: learning_chart(d, "resnet18", "metric")):
        svg = chart(data)
        ElementTree.fromstring(svg.replace("xlink:href", "href"))
        assert "var(--ink)" in svg
        assert "var(--s0)" in svg or "var(--s4)" in svg
        assert not any(colour in svg for colour in SERIES)
        assert svg == chart(data)


def test_two_charts_have_different_ids(data):
    ids = [set(), set()]
    for found, name in zip(ids, ("resnet18", "resnet-tiny"), strict=True):
        root = ElementTree.fromstring(learning_chart(data, name, "metric").replace("xlink:href", "href"))
        found |= {node.get("id") for node in root.iter() if node.get("id")}
    assert ids[0]
    assert not ids[0] & ids[1]


def test_without_numbers_there_is_no_chart(make_data):
    data = make_data(
        rows=[row("a", 0, None, state="failed")], curves={"random_forest": []}, results={**make_data().results, "methods": []}
    )
    assert incumbent_chart(data) is None
    assert pareto_chart(data) is None
    assert learning_chart(data, "random_forest", "metric") is None
    assert learning_chart(data, "unknown", "loss") is None


def test_parameters_replace_macs_that_no_candidate_has(make_data):
    data = make_data(rows=[row("a", 0, 0.5, macs=None, parameters=7)])
    assert cost_column(data) == "parameters"
    assert cost_column(make_data()) == "macs"
    assert "parameters" in pareto_chart(data)


def test_methods_without_a_cost_have_no_place_in_the_chart(data):
    placed = [m["name"] for m in data.methods if has_place(data, m)]
    assert "resnet18" in placed
    assert "random_forest" not in placed


def test_many_candidates_become_a_picture_of_bounded_size(make_data):
    rising = [row("a", i, 0.2 + 0.7 * i / 30_000, macs=1000 + i) for i in range(30_000)]
    data = make_data(rows=rising)
    assert len(incumbent_chart(data)) < 100_000
    svg = pareto_chart(data)
    assert "data:image/png;base64" in svg
    assert len(svg) < 400_000


def test_long_trainings_are_thinned(make_data):
    long = [{"epoch": i, "val_accuracy": 0.5, "train_metric": 0.5} for i in range(20 * MOST_POINTS)]
    data = make_data(curves={"random": [long]})
    assert len(learning_chart(data, "random", "metric")) < 60_000


@pytest.mark.parametrize("records", [[], [{"epoch": 0.1, "val_accuracy": 0.4, "train_metric": 0.3}], [{"epoch": 1}, {"epoch": 2}]])
def test_trainings_of_one_epoch_or_without_numbers_have_no_curve(make_data, records):
    assert learning_chart(make_data(curves={"random": [records]}), "random", "metric") is None
