from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from statistics import mean

import pytest

from archwright.errors import InputError
from archwright.evaluate.history import Candidate, History, key_of
from archwright.search_space import SearchSpace, make_space
from archwright.search_strategy import make_strategy, searched_space
from archwright.search_strategy.progressive import Progressive, Sizes
from archwright.search_strategy.replay.replayed_levels import ranks_of

SMALL = {"surrogate": "mlp", "hidden": 8, "steps": 20}


def levels_of(history):
    return [candidate.note.get("level") for candidate in history.candidates]


def text(architecture):
    return tuple(architecture.answers.items())


def test_level_sizes_and_expansion_sets_are_those_of_algorithm_1(toy):
    """On `flat`: level 1 is all 16 pairs of first layers; then each level is chosen among what its parents extend to."""
    space = toy.spaces["flat"]
    history = toy.Study(Progressive(beam=5, **SMALL), space).run(31)
    assert levels_of(history) == [1] * 16 + [2] * 5 + [3] * 5 + [4] * 5
    by_level = {level: [c for c in history.candidates if c.note["level"] == level] for level in (1, 2, 3, 4)}
    for level, members in by_level.items():
        for candidate in members:
            layers = space.describe(candidate.architecture)
            assert layers[2 * level :] == [None] * (8 - 2 * level)
            if level > 1:
                parents = {tuple(map(repr, space.describe(parent.architecture)[: 2 * level - 2])) for parent in by_level[level - 1]}
                assert tuple(map(repr, layers[: 2 * level - 2])) in parents | smaller(by_level, level, space)


def smaller(by_level, level, space):
    """Networks of earlier levels that are extensions too: with None in the layers of the level, they cost nothing."""
    earlier = [c for below in range(1, level - 1) for c in by_level[below]]
    return {tuple(map(repr, space.describe(c.architecture)[: 2 * level - 2])) for c in earlier}


def test_the_members_of_a_level_are_the_most_promising_in_that_order(toy):
    history = toy.Study(Progressive(beam=6, **SMALL), toy.spaces["flat"]).run(16 + 6)
    second = [candidate for candidate in history.candidates if candidate.note["level"] == 2]
    promised = [candidate.note["predicted"] for candidate in second]
    assert promised == sorted(promised, reverse=True)
    assert all(0 <= share <= 1 for share in promised)
    assert mean(c.score for c in second) > 2 * mean(c.score for c in history.candidates[:16])
    best = max(history.candidates[:16], key=lambda candidate: candidate.score)
    assert best.score in {history.candidates[c.parent].score for c in second}


@pytest.mark.parametrize("surrogate", ["lstm", "mlp"])
def test_it_finds_the_largest_and_best(surrogate, toy):
    strategy = Progressive(first=16, beam=8, surrogate=surrogate, hidden=12, steps=30)
    assert toy.Study(strategy, toy.spaces["flat"]).run(48).best().score >= 0.75


def test_a_level_starts_when_enough_results_of_the_last_are_in_and_no_worker_waits(toy):
    study = toy.Study(Progressive(first=4, beam=3, **SMALL), toy.spaces["flat"])
    for _ in range(7):  # seven workers: the level's four, and the next three of it
        study.start()
    for _ in range(3):
        study.finish()
    assert study.propose().note["level"] == 1
    study.finish()
    assert study.propose().note["level"] == 2
    for _ in range(3):  # results that come late change nothing
        study.finish()
    assert study.propose().note["level"] == 2


def test_later_results_do_not_change_a_levels_ranking(toy):
    space, strategy = toy.spaces["flat"], Progressive(first=4, beam=6, **SMALL)
    study = toy.Study(strategy, space)
    study.run(4)
    ranking = list(strategy._levels(space.growth_order()).catch_up(study.history).ranking)
    study.run(8)
    assert [candidate.key for candidate in study.finished[4:]] == ranking[:4]


def test_after_the_last_level_its_next_best_are_trained(toy):
    history = toy.Study(Progressive(first=4, beam=2, levels=2, **SMALL), toy.spaces["flat"]).run(12)
    assert levels_of(history) == [1] * 4 + [2] * 8


@pytest.mark.parametrize(
    ("settings", "trials", "sizes"),
    [
        ({}, None, Sizes(float("inf"), 256, 5)),  # the paper's
        ({}, 20, Sizes(8, 3, 5)),
        ({}, 300, Sizes(100, 50, 5)),
        ({}, 8, Sizes(6, 2, 2)),
        ({}, 2, Sizes(1, 1, 1)),
        ({"beam": 4, "levels": 3}, 30, Sizes(22, 4, 3)),
        ({"levels": 3}, 4, Sizes(2, 1, 3)),
        ({"first": 10}, 100, Sizes(10, 16, 5)),
        ({"levels": 9}, None, Sizes(float("inf"), 256, 5)),
    ],
)
def test_unset_sizes_follow_the_trials(settings, trials, sizes):
    order = make_space("cell", {"blocks": 5}).growth_order()
    found = Progressive(**settings).for_budget(trials).sizes(order)
    assert (found.first, found.beam, found.levels) == (sizes.first if trials != 2 else 2, sizes.beam, sizes.levels)


def test_a_short_search_of_cells_gets_beyond_one_block(toy):
    asked = make_space("cell", {"operations": "pnas", "cells": 1, "blocks": 3, "inputs": "any"})
    strategy = Progressive(most_extensions=100, **SMALL).for_budget(12)
    space = searched_space(strategy, asked)
    assert space == replace(asked, fewest_blocks=1)
    history = toy.Study(strategy, space).run(12)
    assert [candidate.architecture.answers["blocks"] for candidate in history.candidates] == [1] * 6 + [2] * 3 + [3] * 3
    assert len({candidate.key for candidate in history.candidates}) == 12


def test_all_136_cells_of_one_block_are_level_1(toy):
    strategy = Progressive(**SMALL)
    space = searched_space(strategy, make_space("cell", {"operations": "pnas", "cells": 1, "blocks": 5, "inputs": "any"}))
    assert len(strategy._levels(space.growth_order()).catch_up(History(toy.accuracy)).ranking) == 136


def test_a_space_without_smaller_cells_is_refused_with_the_larger_space(toy):
    with pytest.raises(InputError, match=r"starts from smaller networks than space 'cell' holds: search Cell\(.*fewest_blocks=1"):
        Progressive().propose(make_space("cell"), History(toy.accuracy), Random(0))


@dataclass(frozen=True)
class Shapeless(SearchSpace):
    """It does not say how its architectures grow."""

    def decide(self, choose):
        return choose("width", [1, 2])

    def build(self, description, problem):
        raise NotImplementedError


def test_a_space_without_a_growth_order_is_refused_with_a_remedy(toy):
    for call in (
        lambda: searched_space(Progressive(), Shapeless()),
        lambda: Progressive().propose(Shapeless(), History(()), Random(0)),
    ):
        with pytest.raises(InputError, match=r"'shapeless' does not say how its architectures grow.*growth_order.*cell, chain"):
            call()
    assert searched_space(make_strategy("random"), Shapeless()) == Shapeless()


def test_ranks_are_shares_of_what_is_worse(toy):
    space = toy.spaces["flat"]
    scores = [(0.5,), None, (0.9,), (0.5,), (0.1,)]
    members = []
    for number, row in enumerate(scores):
        architecture = space.sample(Random(number))
        members.append(Candidate(number, architecture, key_of(space, architecture), "complete" if row else "failed", row))
    assert ranks_of(members) == [0.5, 0.0, 1.0, 0.5, 0.25]
