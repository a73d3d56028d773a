from __future__ import annotations

from random import Random

import pytest

from archwright.errors import UnknownName, UnknownSetting
from archwright.evaluate.history import Candidate, History, key_of
from archwright.search_strategy.successive_halving.inner_strategy import inner_strategy, new_network, without_promotions


@pytest.fixture
def history(toy):
    """Three networks; the second has two promotions, one still running. The third finished before the second."""
    space = toy.spaces["flat"]
    architectures = [space.sample(Random(seed)) for seed in range(4)]

    def candidate(number, network, state="complete", score=None, **more):
        architecture = architectures[network]
        scores = None if score is None else (score,)
        return Candidate(number, architecture, key_of(space, architecture), state, scores, **more)

    finished = [
        candidate(0, 0, score=0.1, epochs=1.0),
        candidate(2, 2, score=0.2, epochs=1.0, parent=0, seen=1),
        candidate(1, 1, score=0.3, epochs=1.0, seen=1),
        candidate(3, 1, score=0.8, epochs=3.0, continues=1, seen=3),
        candidate(5, 1, "duplicate", 0.8, epochs=1.0, parent=1, seen=4),
        candidate(6, 3, "failed", epochs=1.0, seen=5),
    ]
    pending = [candidate(4, 1, "running", epochs=9.0, continues=3, seen=4)]
    return History(toy.accuracy, finished, pending, epochs=9.0)


def test_each_network_is_shown_once_with_the_result_of_its_highest_fidelity(history):
    shown = without_promotions(history)
    assert [(c.number, c.scores, c.state) for c in shown.finished] == [
        (0, (0.1,), "complete"),
        (2, (0.2,), "complete"),
        (1, (0.8,), "complete"),
        (3, (0.8,), "duplicate"),
        (4, None, "failed"),
    ]
    assert not shown.pending
    assert shown.epochs is None


def test_numbers_parents_and_seen_refer_to_the_reduced_history(history):
    assert [(c.number, c.parent, c.seen) for c in without_promotions(history).candidates] == [
        (0, None, 0),
        (1, None, 1),
        (2, 0, 1),
        (3, 1, 3),
        (4, None, 4),
    ]


def test_a_history_of_one_fidelity_is_unchanged(toy):
    history = toy.Study(inner_strategy("regularized_evolution", 16, "asha"), toy.spaces["flat"], epochs=None).run(12, workers=3)
    assert without_promotions(history) == History(
        history.objectives, list(history.finished), list(history.pending), list(history.refused)
    )


def test_parents_are_numbered_as_in_the_study(history, toy):
    evolution = inner_strategy("regularized_evolution", 16, "asha")  # a population of four; the failed one never joined it
    proposals = [new_network(evolution, toy.spaces["flat"], history, Random(seed), 3.0) for seed in range(60)]
    assert {proposal.parent for proposal in proposals} == {0, 1, 2, 5}
    assert {proposal.epochs for proposal in proposals} == {3.0}
    assert all(proposal.continues is None for proposal in proposals)


def test_the_inner_strategy_is_sized_for_the_networks_it_proposes():
    assert inner_strategy("regularized_evolution", 40, "asha").population_size == 10


def test_the_inner_strategy_must_be_known_and_not_multi_fidelity():
    with pytest.raises(UnknownName, match="no strategy 'evolution'"):
        inner_strategy("evolution", None, "asha")
    with pytest.raises(UnknownSetting, match="strategy 'asha', setting 'around': 'hyperband'"):
        inner_strategy("hyperband", None, "asha")
