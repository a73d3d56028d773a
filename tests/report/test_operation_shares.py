"""Shares of operations, against values computed by hand."""

import pytest

from archwright.report.operation_shares import LOWEST_OPACITY, operation_shares, shares_chart
from archwright.report.report_data import Supernet


def supernet_of(edges, *epochs):
    record_edges = [{"name": str(i), "candidates": list(names), "target": "1"} for i, names in enumerate(edges)]
    return Supernet({"edges": record_edges, "epochs": [{"epoch": i + 1.0, "weights": w} for i, w in enumerate(epochs)]})


CELL = ("none", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3")


def test_shares_are_sums_over_edges_in_the_order_of_families():
    supernet = supernet_of([CELL, CELL], [[0.2] * 5, [0.2] * 5], [[0, 0, 1, 0, 0], [0.5, 0, 0, 0.5, 0]])
    shares = operation_shares(supernet)
    assert [share.name for share in shares] == ["none", "skip_connect", "max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5"]
    assert [share.values for share in shares] == [(0.2, 0.25), (0.2, 0.0), (0.2, 0.0), (0.2, 0.5), (0.2, 0.25)]
    assert [share.opacity for share in shares] == [1.0, 1.0, 1.0, 1.0, LOWEST_OPACITY]
    assert shares[3].colour == shares[4].colour != shares[2].colour
    assert (shares[0].css, shares[3].css) == ("var(--muted)", "var(--s0)")


def test_edges_that_mix_sizes_or_decide_on_a_connection_do_not_count():
    supernet = supernet_of([("16", "32"), ("none", "skip"), CELL[1:4]], [[1, 0], [0.4, 0.6], [0.5, 0.25, 0.25]])
    assert [(share.name, share.values) for share in operation_shares(supernet)] == [
        ("skip_connect", (0.5,)),
        ("sep_conv_3x3", (0.25,)),
        ("sep_conv_5x5", (0.25,)),
    ]
    assert operation_shares(supernet_of([("16", "32")], [[1, 0]])) == []
    assert shares_chart(supernet_of([("16", "32")], [[1, 0]], [[1, 0]]), 0) is None


def test_many_operations_are_shown_by_family():
    many = [f"mbconv {k} x{e}" for k in (3, 5, 7) for e in (2, 4)] + ["conv 3", "conv 5", "unheard of"]
    shares = operation_shares(supernet_of([many], [[1 / 9] * 9]))
    assert [share.name for share in shares] == ["inverted bottleneck", "convolution", "other"]
    assert [share.values[0] for share in shares] == pytest.approx([6 / 9, 2 / 9, 1 / 9])
    assert {share.opacity for share in shares} == {1.0}


def test_weights_that_sum_to_zero_give_shares_of_zero():
    shares = operation_shares(supernet_of([CELL], [[0.0] * 5], [[0.0] * 5]))
    assert {share.values for share in shares} == {(0.0, 0.0)}
    assert shares_chart(supernet_of([CELL], [[0.0] * 5], [[0.0] * 5]), 0) is not None
