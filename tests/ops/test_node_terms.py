"""What a node computes: its edges, and which operations are chains of steps."""

from __future__ import annotations

import pytest

from archwright.ops.candidate_operations import candidate
from archwright.ops.node_terms import chains_of, edges_into, node_terms


def test_edges_are_numbered_node_by_node():
    assert [list(edges) for edges in edges_into(2, 3)] == [[0, 1], [2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("name", "stride", "steps"),
    [
        ("sep_conv_3x3", 2, [2]),
        ("dil_conv_5x5", 1, [1]),
        ("conv_1x1", 1, [1]),
        ("conv_1x1", 2, []),
        ("conv_3x3", 1, []),
        ("skip_connect", 2, [1, 1]),
        ("skip_connect", 1, []),
    ],
)
def test_which_operations_are_chains(name, stride, steps):
    chains = chains_of(candidate(name, 2, 4, stride, affine=False))
    assert [len(own) for _, own in chains] == steps


def test_what_is_off_and_none_are_not_computed():
    candidates = ("none", "sep_conv_3x3", "max_pool_3x3")
    chains = [{"sep_conv_3x3": chains_of(candidate("sep_conv_3x3", 2, 4, 1, affine=False))} for _ in range(3)]
    active = [[True, True, True], [True, False, True], [False, False, False]]
    terms = node_terms(range(3), active, candidates, chains)
    assert [(chain.source, len(chain.steps)) for chain in terms.layout.chains] == [(0, 2)]
    assert (terms.reads, terms.others) == ([(0, "whole")], [(0, 0, "max_pool_3x3"), (1, 1, "max_pool_3x3")])
    assert terms.gate_indices == [1, 2, 5]
