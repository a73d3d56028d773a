from __future__ import annotations

from random import Random

import pytest

from archwright.errors import UnknownSetting
from archwright.evaluate.history import Candidate, History, key_of
from archwright.evaluate.pareto import survivors
from archwright.search_strategy.genetic import Genetic


def candidates_of(space, scores, rows=None):
    """Different architectures with these scores, one tuple each."""
    rng = Random(0)
    made = rows or [space.sample(rng) for _ in scores]
    return [Candidate(i, a, key_of(space, a), "complete", s) for i, (a, s) in enumerate(zip(made, scores, strict=True))]


def proposals(strategy, space, history, draws=200):
    return [strategy.propose(space, history, Random(seed)) for seed in range(draws)]


def test_it_begins_with_a_random_population_of_different_networks(toy):
    history = toy.Study(Genetic(6), toy.spaces["flat"]).run(9)
    assert [candidate.parent is None for candidate in history.candidates] == [True] * 6 + [False] * 3
    twice = candidates_of(toy.spaces["flat"], [(0.1,), (0.2,)])
    again = [twice[0], twice[1], Candidate(2, twice[0].architecture, twice[0].key, "duplicate", (0.1,))]
    assert Genetic(3).propose(toy.spaces["flat"], History(toy.accuracy, again), Random(0)).parent is None


def test_only_the_best_of_all_that_was_seen_are_parents(toy):
    space = toy.spaces["flat"]
    history = History(toy.accuracy, candidates_of(space, [(0.9,), (0.1,), (0.2,), (0.8,), (0.3,)]))
    assert {p.parent for p in proposals(Genetic(2), space, history)} == {0, 3}
    assert {p.parent for p in proposals(Genetic(5, tournament_size=60), space, history, 30)} == {0}


def test_survivors_are_chosen_by_front_and_then_by_crowding_distance(toy):
    space = toy.spaces["flat"]
    scores = [(0.5, -5.0), (0.9, -9.0), (0.1, -1.0), (0.52, -5.2), (0.4, -6.0)]  # the last is dominated, 0 and 3 are close
    kept = [[member.number for member, _ in survivors(candidates_of(space, scores), size)] for size in (2, 4, 5)]
    assert set(kept[0]) == {1, 2}
    assert set(kept[1]) == {0, 1, 2, 3}
    assert kept[2][-1] == 4


def test_a_child_without_mutation_takes_every_answer_from_a_parent(toy):
    space = toy.spaces["flat"]
    mother, father = (space.architecture({f"{i}/op": answer for i in range(8)}) for answer in ("conv", None))
    history = History(toy.accuracy, candidates_of(space, [(0.5,), (0.5,)], [mother, father]))
    children = [p.architecture for p in proposals(Genetic(2, crossover=1.0, mutation=0.0), space, history)]
    mixed = [c for c in children if {type(a) for a in c.answers.values()} == {str, type(None)}]
    assert len(mixed) > 50  # the others are copies of a parent, mutated until they are new


def test_without_crossover_a_child_is_its_parent_with_changes(toy):
    space = toy.spaces["flat"]
    history = History(toy.accuracy, candidates_of(space, [(0.5,), (0.6,), (0.7,)]))
    for proposal in proposals(Genetic(3, crossover=0.0, mutation=1.0), space, history, 50):
        parent = history.finished[proposal.parent].architecture.answers
        assert sum(answer is not parent[name] for name, answer in proposal.architecture.answers.items()) == 1


def test_known_networks_are_not_proposed_while_there_are_new_ones(toy):
    study = toy.Study(Genetic(5), toy.spaces["flat"])
    history = study.run(60, workers=4)
    assert [c.state for c in history.candidates] == ["complete"] * 60


@pytest.mark.parametrize(("trials", "size"), [(None, None), (1, 4), (150, 10), (300, 20), (10_000, 100)])
def test_an_unset_population_is_a_fifteenth_of_the_trials(trials, size):
    assert Genetic().for_budget(trials).population_size == size
    assert Genetic(7).for_budget(trials).population_size == 7


@pytest.mark.parametrize("wrong", [{"population_size": 1}, {"tournament_size": 0}, {"crossover": 1.5}, {"mutation": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UnknownSetting, match=f"genetic.*{next(iter(wrong))}.*choose from"):
        Genetic(**wrong)
