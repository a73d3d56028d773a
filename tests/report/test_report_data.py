from __future__ import annotations

from dataclasses import replace

from archwright.report.report_data import Supernet


def test_of_a_network_that_was_trained_on_only_the_last_part_is_a_candidate(data):
    first, second = data.complete[:2]
    rows = [{**row, "continues": str(first["number"])} if row is second else row for row in data.rows]
    numbers = [row["number"] for row in replace(data, rows=rows).complete]
    assert numbers == [row["number"] for row in data.complete[1:]]


def test_a_supernet_tells_what_was_trained(supernet, controlled):
    paths = {"discretization": {"supernet_score": None}}
    assert [Supernet(record).kind for record in (supernet.record, controlled.record, paths, {})] == [
        "mixture",
        "controller",
        "paths",
        "mixture",
    ]
