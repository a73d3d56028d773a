from __future__ import annotations

from dataclasses import replace


def test_of_a_network_that_was_trained_on_only_the_last_part_is_a_candidate(data):
    first, second = data.complete[:2]
    rows = [{**row, "continues": str(first["number"])} if row is second else row for row in data.rows]
    numbers = [row["number"] for row in replace(data, rows=rows).complete]
    assert numbers == [row["number"] for row in data.complete[1:]]
