"""When the ranking of the candidates counts as stable."""

from __future__ import annotations

import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.monitoring.rank_stability import RankStability

MIXTURE = Mixture(
    (Edge("a", ("none", "skip_connect", "avg_pool_3x3", "conv_3x3", "conv_5x5"), "1"), Edge("b", ("none", "skip_connect"), "2")), {}
)


def gates(skip, small, large):
    return torch.tensor([[0.1, skip, 0.1, small, large], [0.4, 0.6, 0.0, 0.0, 0.0]])


def test_it_stops_once_the_order_has_stayed_long_enough():
    stability = RankStability(MIXTURE, 2)
    for observe, stop_reason in [
        ((0.1, 0.2, 0.5), False),
        ((0.1, 0.5, 0.2), False),
        ((0.1, 0.4, 0.3), False),
        ((0.1, 0.6, 0.1), True),
    ]:
        stability.observe(gates(*observe))
        assert bool(stability.stop_reason) == stop_reason
    assert stability.stop_reason == "stopped early: the order of the candidates has not changed for 2 epochs"


def test_candidates_without_weights_do_not_count():
    stability = RankStability(MIXTURE, 1)
    stability.observe(gates(0.1, 0.2, 0.5))
    stability.observe(gates(0.9, 0.02, 0.03))
    assert stability.stop_reason


def test_all_count_where_nothing_has_weights():
    stability = RankStability(MIXTURE, 1)
    stability.observe(gates(0.1, 0.2, 0.5))
    changed = gates(0.1, 0.2, 0.5)
    changed[1] = torch.tensor([0.7, 0.3, 0.0, 0.0, 0.0])
    stability.observe(changed)
    assert not stability.stop_reason


def test_without_patience_it_never_stops():
    stability = RankStability(MIXTURE, 0)
    for _ in range(50):
        stability.observe(gates(0.1, 0.2, 0.5))
    assert not stability.stop_reason


def test_it_goes_on_counting_after_a_resume():
    first, second = RankStability(MIXTURE, 2), RankStability(MIXTURE, 2)
    first.observe(gates(0.1, 0.2, 0.5))
    first.observe(gates(0.1, 0.2, 0.5))
    second.load_state_dict(first.state_dict())
    second.observe(gates(0.1, 0.2, 0.5))
    assert second.stop_reason
