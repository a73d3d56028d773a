"""Evolution, with a function in place of the supernet."""

from __future__ import annotations

from random import Random

import pytest

from archwright.one_shot import make_one_shot


def right_answers(toy):
    best = toy.best_architecture().answers
    return lambda architecture: float(sum(architecture.answers[name] == answer for name, answer in best.items()))


def test_evolution_finds_the_best_of_many(toy):
    asked = []

    def score(architecture):
        asked.append(architecture)
        return right_answers(toy)(architecture)

    found = make_one_shot("single_path_uniform").find(toy.Toy(), score, 150, Random(0))
    assert found[0] == (toy.best_architecture(), 5.0)
    assert len(asked) == len(set(asked)) == len(found) == 150
    assert [as_score for _, as_score in found] == sorted((as_score for _, as_score in found), reverse=True)


def test_later_generations_are_better(toy):
    scores = []

    def score(architecture):
        scores.append(right_answers(toy)(architecture))
        return scores[-1]

    make_one_shot("single_path_uniform").find(toy.Toy(), score, 120, Random(1))
    assert sum(scores[-30:]) > 1.5 * sum(scores[:30])


@pytest.mark.parametrize("name", ["single_path_uniform", "random_weight_sharing"])
def test_the_same_random_numbers_find_the_same(name, toy):
    first, second = (make_one_shot(name).find(toy.Toy(), right_answers(toy), 40, Random(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["single_path_uniform", "random_weight_sharing"])
def test_a_small_space_is_soon_known(name, toy):
    class Two(toy.Toy):
        def decide(self, choose):
            return choose("only", [1, 2])

    found = make_one_shot(name).find(Two(), lambda architecture: float(architecture.answers["only"]), 50, Random(0))
    assert [as_score for _, as_score in found] == [2.0, 1.0]
