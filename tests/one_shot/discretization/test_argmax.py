"""The strongest are kept: on hand-written gates, with ties and `none`."""

from __future__ import annotations

import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.discretization.argmax import argmax_choice

OPS = ("none", "skip_connect", "conv")
COMPETING = Mixture(tuple(Edge(f"{i}->3", OPS, "3") for i in range(3)), {"3": 2})


def test_two_strongest_edges_stay_with_their_strongest_candidates():
    gates = torch.tensor([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    assert argmax_choice(COMPETING, gates) == {"0->3": "skip_connect", "2->3": "conv"}


def test_none_is_never_kept_however_strong():
    gates = torch.tensor([[0.9, 0.06, 0.04], [0.2, 0.4, 0.4], [0.94, 0.01, 0.05]])
    assert argmax_choice(COMPETING, gates) == {"0->3": "skip_connect", "1->3": "skip_connect"}


def test_the_first_of_equals_stays():
    gates = torch.full((3, 3), 1 / 3)
    assert argmax_choice(COMPETING, gates) == {"0->3": "skip_connect", "1->3": "skip_connect"}


def test_none_is_excluded_even_where_all_edges_of_a_target_are_kept():
    mixture = Mixture(COMPETING.edges[:2], {"3": 2})  # the first node of DARTS has two inputs, and keeps both
    gates = torch.tensor([[0.9, 0.04, 0.06], [0.8, 0.15, 0.05]])
    assert argmax_choice(mixture, gates) == {"0->3": "conv", "1->3": "skip_connect"}


def test_none_is_a_choice_where_the_mixture_says_nothing_of_what_is_kept():
    mixture = Mixture(COMPETING.edges, {})  # NAS-Bench-201: one operation on each edge
    gates = torch.tensor([[0.9, 0.06, 0.04], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    assert argmax_choice(mixture, gates) == {"0->3": "none", "1->3": "conv", "2->3": "skip_connect"}


def test_places_behind_an_edges_last_candidate_do_not_count():
    mixture = Mixture((Edge("width", ("8", "16"), "width"), Edge("depth", ("1", "2", "3"), "depth")), {})
    gates = torch.tensor([[0.4, 0.6, 0.0], [0.2, 0.3, 0.5]])
    assert argmax_choice(mixture, gates) == {"width": "16", "depth": "3"}
