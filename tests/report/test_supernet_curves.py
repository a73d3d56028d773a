"""Charts of a supernet's training: drawn if there is something to draw, in the page's colours, with unique ids."""

from xml.etree import ElementTree

import pytest

from archwright.report.chart import SERIES
from archwright.report.operation_shares import shares_chart
from archwright.report.report_data import Supernet
from archwright.report.supernet_curves import (
    controller_entropy_chart,
    diagnostics_chart,
    last_weights,
    learning_chart,
    reward_chart,
    weight_histogram,
)

CHARTS = {
    "metric": lambda supernet, number: learning_chart(supernet, "accuracy", "metric", number),
    "loss": lambda supernet, number: learning_chart(supernet, "accuracy", "loss", number),
    "watched": diagnostics_chart,
    "weights": weight_histogram,
    "reward": reward_chart,
    "controller entropy": controller_entropy_chart,
    "shares": shares_chart,
}


@pytest.mark.parametrize("kind", CHARTS)
def test_charts_are_svg_in_the_pages_colours_and_always_the_same(controlled, kind):
    svg = CHARTS[kind](controlled, 1)
    ElementTree.fromstring(svg.replace("xlink:href", "href"))
    assert "var(--s1)" in svg or kind == "watched"
    assert not any(colour in svg for colour in SERIES)
    assert svg == CHARTS[kind](controlled, 1)


def test_ids_belong_to_one_chart_of_one_strategy(controlled):
    seen = set()
    for kind in CHARTS:
        for number in (0, 1):
            root = ElementTree.fromstring(CHARTS[kind](controlled, number).replace("xlink:href", "href"))
            ids = {node.get("id") for node in root.iter() if node.get("id")}
            assert ids
            assert not ids & seen
            seen |= ids


@pytest.mark.parametrize("kind", sorted(set(CHARTS) - {"weights"}))
def test_one_epoch_is_no_curve(controlled, kind):
    short = Supernet({**controlled.record, "epochs": controlled.epochs[:1]})
    assert CHARTS[kind](short, 0) is None
    assert CHARTS[kind](Supernet({}), 0) is None


def test_numbers_that_are_missing_are_left_out(supernet):
    epochs = [{**entry, "val_accuracy": None, "score": None} for entry in supernet.epochs]
    assert learning_chart(Supernet({**supernet.record, "epochs": epochs}), "accuracy", "metric", 0) is not None


def test_the_histogram_counts_the_last_weights_of_all_edges(supernet):
    weights = last_weights(supernet)
    assert weights == [weight for edge in supernet.epochs[-1]["weights"] for weight in edge]
    assert last_weights(Supernet({})) == []
    assert weight_histogram(Supernet({}), 0) is None


def test_only_a_controller_has_rewards(supernet):
    assert reward_chart(supernet, 0) is None
    assert controller_entropy_chart(supernet, 0) is None


def test_epochs_without_an_update_are_left_out_of_the_rewards(controlled, supernet):
    epochs = [supernet.epochs[0], *controlled.epochs[1:]]
    assert reward_chart(Supernet({**controlled.record, "epochs": epochs}), 0) is not None
