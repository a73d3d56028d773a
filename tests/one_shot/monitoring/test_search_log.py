"""The log for the report."""

from __future__ import annotations

import json

import torch

from archwright.architecture.architecture import Architecture
from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.monitoring.search_log import SearchLog, SearchReport

MIXTURE = Mixture((Edge("a", ("x", "y"), "1"), Edge("b", ("x", "y", "z"), "2")), {})
CURVE = [{"epoch": 1.0, "val_r2": 0.1}, {"epoch": 2.0, "val_r2": 0.2, "temperature": 3.0}]


def architecture(answer):
    return Architecture("space", {}, {"question": answer})


def search_log():
    made = SearchLog(MIXTURE)
    made.add(torch.tensor([[0.25, 0.75, 0.0], [0.2, 0.3, 0.5]]), architecture(1), 0.3, counts=False)
    made.add(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), architecture(2), 0.4, counts=True)
    return made


def test_a_file_has_edges_and_epochs(tmp_path):
    SearchReport(tmp_path, "darts", {"epochs": None}, search_log()).write(CURVE)
    text = json.loads((tmp_path / "one_shot.json").read_text())
    assert text["edges"][1] == {"name": "b", "candidates": ["x", "y", "z"], "target": "2"}
    assert text["epochs"][0]["weights"] == [[0.25, 0.75], [0.2, 0.3, 0.5]]
    assert [entry["temperature"] for entry in text["epochs"]] == [None, 3.0]
    assert [entry["score"] for entry in text["epochs"]] == [0.3, 0.4]
    assert (text["discretization"], text["stopped"], text["notes"]) == (None, None, [])


def test_only_snapshots_that_count_are_scored_again():
    assert search_log().snapshots(CURVE) == [(architecture(2), 2.0)]


def test_a_resumed_search_continues_the_same_log():
    again = SearchLog(MIXTURE)
    again.load_state_dict(json.loads(json.dumps(search_log().state_dict())))
    assert again.snapshots(CURVE) == search_log().snapshots(CURVE)
