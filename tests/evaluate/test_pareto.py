from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import Candidate
from archwright.evaluate.pareto import crowding_distances, dominates, fitness, non_dominated_fronts, pareto_front

SCORES = st.integers(1, 3).flatmap(
    lambda objectives: st.lists(st.tuples(*[st.integers(0, 4).map(float)] * objectives), min_size=1, max_size=25)
)


def candidate(number, scores, key=None, state="complete"):
    return Candidate(number, Architecture("toy", {}, {"q": number}), key or str(number), state, scores)


def fronts_by_definition(scores):
    """Front by front: the indices that no remaining one dominates."""
    left, fronts = set(range(len(scores))), []
    while left:
        front = {i for i in left if not any(dominates(scores[j], scores[i]) for j in left)}
        fronts.append(front)
        left -= front
    return fronts


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((1, 1), (0, 1), True),
        ((1, 1), (1, 1), False),
        ((2, 0), (1, 1), False),
        ((0, 1), (1, 1), False),
        ((2,), (1,), True),
    ],
)
def test_dominating_means_nowhere_worse_and_somewhere_better(one, other, expected):
    assert dominates(one, other) is expected


@settings(deadline=None, max_examples=60)
@given(SCORES)
def test_fronts_match_the_definition(scores):
    assert [set(front) for front in non_dominated_fronts(scores)] == fronts_by_definition(scores)


@settings(deadline=None, max_examples=60)
@given(SCORES)
def test_the_pareto_front_is_the_first_front(scores):
    front = pareto_front([candidate(i, row) for i, row in enumerate(scores)])
    assert {member.number for member in front} == fronts_by_definition(scores)[0]
    assert [member.score for member in front] == sorted((member.score for member in front), reverse=True)


def test_the_pareto_front_holds_each_network_once_and_nothing_that_failed():
    candidates = [
        candidate(0, (1.0, 0.0)),
        candidate(1, (1.0, 0.0), key="0", state="duplicate"),
        candidate(2, None, state="failed"),
        candidate(3, (0.0, 1.0)),
    ]
    assert [member.number for member in pareto_front(candidates)] == [0, 3]


def test_crowding_is_the_distance_between_neighbours_as_a_share_of_each_range():
    # by hand, from Deb et al. 2002: (2 - 0) / 4 + (10 - 6) / 10 for the second, (4 - 1) / 4 + (8 - 0) / 10 for the third
    assert crowding_distances([(0.0, 10.0), (1.0, 8.0), (2.0, 6.0), (4.0, 0.0)]) == pytest.approx([inf, 0.9, 1.55, inf])
    assert crowding_distances([(1.0, 1.0)] * 3)[1] == 0.0
    assert crowding_distances([]) == []


def test_fitness_of_one_objective_is_the_score():
    population = [candidate(0, (0.5,)), candidate(1, (0.9,)), candidate(2, None, state="failed"), candidate(3, (0.1,))]
    as_score = fitness(population)
    assert sorted(range(4), key=as_score.__getitem__) == [2, 3, 0, 1]


def test_fitness_of_several_objectives_orders_by_front_and_then_by_crowding():
    population = [
        candidate(0, (0.0, 0.0)),  # dominated by all
        candidate(1, (4.0, 0.0)),
        candidate(2, (2.0, 6.0)),
        candidate(3, (1.0, 8.0)),  # the crowded one
        candidate(4, (0.0, 10.0)),
        candidate(5, None, state="failed"),
    ]
    as_score = fitness(population)
    assert [front.rank for front in as_score] == [-1, 0, 0, 0, 0, -inf]
    assert sorted(range(6), key=as_score.__getitem__)[:4] == [5, 0, 3, 2]
