"""Random architectures, the best first."""

from __future__ import annotations

from random import Random

from archwright.one_shot import make_one_shot


def test_distinct_architectures_are_ranked_by_their_scores(toy):
    found = make_one_shot("random_weight_sharing").find(toy.Toy(), lambda a: float(a.answers["input"]), 60, Random(0))
    assert len({architecture for architecture, _ in found}) == len(found) == 60
    assert [score for _, score in found] == sorted((float(a.answers["input"]) for a, _ in found), reverse=True)
    assert {a.answers["0"] for a, _ in found} == {"none", "skip_connect", "square", "wave"}
