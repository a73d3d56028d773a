"""The monitored values and the warnings."""

from __future__ import annotations

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.monitoring.monitors import entropies, expected_skip_share, mean, search_notes, skip_share, spreads

MIXTURE = Mixture((Edge("a", ("none", "skip_connect", "conv"), "1"), Edge("b", ("x", "y"), "2"), Edge("c", ("only",), "3")), {})
UNIFORM = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
DECIDED = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def test_entropy_is_relative_to_what_an_edge_could_have():
    assert entropies(MIXTURE, UNIFORM) == pytest.approx([1.0, 1.0, 0.0])
    assert entropies(MIXTURE, DECIDED) == pytest.approx([0.0, 0.0, 0.0])
    assert entropies(MIXTURE, 0.1 * UNIFORM) == pytest.approx([1.0, 1.0, 0.0])
    assert entropies(MIXTURE, 0.0 * UNIFORM) == [0.0, 0.0, 0.0]


def test_spread_looks_only_at_an_edges_own_candidates():
    assert spreads(MIXTURE, UNIFORM) == pytest.approx([0.0, 0.0, 0.0])
    assert spreads(MIXTURE, DECIDED) == pytest.approx([1.0, 1.0, 0.0])


def test_shares_of_skip_connections():
    assert skip_share({"a": "skip_connect", "b": "conv", "c": "conv", "d": "skip_connect"}) == 0.5
    assert skip_share({}) == 0.0
    assert skip_share({"a": "skip", "b": "none", "c": "conv", "d": "skip"}) == 0.5
    assert expected_skip_share(MIXTURE, UNIFORM) == pytest.approx(1 / 9)


def test_a_collapse_is_reported():
    (note,) = search_notes({"a": "skip_connect", "b": "conv"}, UNIFORM, DECIDED)
    assert "50 % of the found architecture's connections are skip connections" in note
    assert "auxiliary_skip=true" in note
    assert search_notes({"a": "skip", "b": "conv"}, UNIFORM, DECIDED) == [], "beside an operation, not in its place"


def test_alphas_that_did_not_move_are_reported():
    (note,) = search_notes({"a": "conv", "b": "x"}, UNIFORM, UNIFORM + 0.005)
    assert "hardly moved from their initial values" in note
    assert search_notes({"a": "conv", "b": "x"}, UNIFORM, DECIDED) == []


def test_the_mean_of_nothing_is_zero():
    assert mean([]) == 0.0
    assert mean([1.0, 2.0]) == 1.5
