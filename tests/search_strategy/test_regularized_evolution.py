from __future__ import annotations

import time
from random import Random

import pytest

from archwright.evaluate.history import Candidate, History, key_of
from archwright.search_strategy.regularized_evolution import RegularizedEvolution


def history_of(toy, space, scores, objectives=None):
    """Random candidates with these scores, one tuple each; None is a failure."""
    rng = Random(0)
    candidates = []
    for number, row in enumerate(scores):
        architecture = space.sample(rng)
        state = "failed" if row is None else "complete"
        candidates.append(Candidate(number, architecture, key_of(space, architecture), state, row))
    return History(objectives or toy.accuracy, candidates)


def parents(strategy, space, history, draws=300):
    return {strategy.propose(space, history, Random(seed)).parent for seed in range(draws)}


def test_it_begins_with_a_random_population(toy):
    history = toy.Study(RegularizedEvolution(6, 2), toy.spaces["flat"]).run(9)
    assert [candidate.parent is None for candidate in history.candidates] == [True] * 6 + [False] * 3


def test_the_oldest_die_and_not_the_worst(toy):
    history = history_of(toy, toy.spaces["flat"], [(0.99,), (0.9,), (0.1,), (0.2,), (0.3,)])
    assert parents(RegularizedEvolution(3, 1), toy.spaces["flat"], history) == {2, 3, 4}


def test_the_best_of_the_sample_is_the_parent(toy):
    history = history_of(toy, toy.spaces["flat"], [(0.1,), (0.2,), (0.9,), (0.3,)])
    assert parents(RegularizedEvolution(4, 60), toy.spaces["flat"], history) == {2}
    assert parents(RegularizedEvolution(4, 1), toy.spaces["flat"], history) == {0, 1, 2, 3}


def test_failed_trainings_never_join_the_population(toy):
    history = history_of(toy, toy.spaces["flat"], [(0.1,), None, (0.2,), None])
    assert RegularizedEvolution(3).propose(toy.spaces["flat"], history, Random(0)).parent is None
    assert parents(RegularizedEvolution(2, 1), toy.spaces["flat"], history) == {0, 2}


def test_a_child_differs_from_its_parent_in_one_answer(toy):
    history = history_of(toy, toy.spaces["flat"], [(0.1,), (0.2,), (0.9,), (0.3,)])
    for seed in range(20):
        proposal = RegularizedEvolution(4, 2).propose(toy.spaces["flat"], history, Random(seed))
        parent = history.finished[proposal.parent].architecture.answers
        changed = [q for q, answer in proposal.architecture.answers.items() if answer is not parent[q]]
        assert len(changed) == 1


def test_with_two_objectives_the_parent_is_on_the_front(toy):
    scores = [(0.5, -5.0), (0.9, -9.0), (0.1, -1.0), (0.4, -6.0), (0.0, -9.5)]
    history = history_of(toy, toy.spaces["flat"], scores, toy.two)
    assert parents(RegularizedEvolution(5, 60), toy.spaces["flat"], history, 30) <= {
        1,
        2,
    }  # the ends of the front are the least crowded
    assert parents(RegularizedEvolution(5, 2), toy.spaces["flat"], history) >= {0, 1, 2}


@pytest.mark.parametrize(("trials", "size"), [(None, None), (1, 4), (20, 5), (100, 25), (10_000, 100)])
def test_an_unset_population_is_a_quarter_of_the_trials(trials, size):
    assert RegularizedEvolution().for_budget(trials).population_size == size
    assert RegularizedEvolution(7).for_budget(trials).population_size == 7


def test_unset_sizes_are_the_papers_without_a_budget(toy):
    history = history_of(toy, toy.spaces["flat"], [(float(i),) for i in range(99)])
    assert RegularizedEvolution().propose(toy.spaces["flat"], history, Random(0)).parent is None
    history = history_of(toy, toy.spaces["flat"], [(float(i),) for i in range(100)])
    assert RegularizedEvolution() == RegularizedEvolution(None, None)
    one = RegularizedEvolution().propose(toy.spaces["flat"], history, Random(1))
    assert one == RegularizedEvolution(100, 25).propose(toy.spaces["flat"], history, Random(1))


def test_proposing_does_not_slow_down_with_the_history(toy):
    history = history_of(toy, toy.spaces["flat"], [(float(i % 97),) for i in range(10_000)])
    begin = time.process_time()
    for seed in range(20):
        RegularizedEvolution().propose(toy.spaces["flat"], history, Random(seed))
    assert (time.process_time() - begin) / 20 < 0.005  # about 0.3 ms; the margin is for a busy machine
