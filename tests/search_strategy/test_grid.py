from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import pytest

from archwright.evaluate.history import History
from archwright.search_space import SearchSpace
from archwright.search_strategy.grid import Grid


@dataclass(frozen=True)
class Huge(SearchSpace):
    """10 ** 40 architectures."""

    name = "huge"

    def decide(self, choose):
        return [choose(str(i), range(10)) for i in range(40)]

    def build(self, description, problem):
        raise NotImplementedError


@pytest.mark.parametrize("name", ["tiny", "conditional"])
def test_it_goes_through_the_enumeration_in_order_and_begins_again(toy, name):
    space = toy.spaces[name]
    first = list(islice(space.enumerate(), 60))
    history = toy.Study(Grid(), space).run(len(first) + 1)
    proposed = [candidate.architecture for candidate in history.candidates]
    assert proposed[: len(first)] == first
    assert proposed[-1] == (first[0] if name == "tiny" else next(islice(space.enumerate(), 60, None)))


def test_a_small_space_ends_in_duplicates_alone(toy):
    history = toy.Study(Grid(), toy.spaces["tiny"]).run(10)
    assert [c.state for c in history.candidates] == ["complete", "complete", "duplicate", "complete", *["duplicate"] * 6]


def test_candidates_that_others_proposed_do_not_move_it(toy):
    space = toy.spaces["flat"]
    ours = toy.Study(Grid(), space).run(3).finished
    theirs = replace(ours[0], number=7, architecture=space.sample(Random(0)), note={})
    fourth = next(islice(space.enumerate(), 3, None))
    assert Grid().propose(space, History(toy.accuracy, (*ours, theirs)), Random(0)).architecture == fourth


def test_a_space_too_large_to_list_is_begun(toy):
    history = toy.Study(Grid(), Huge()).run(12)
    assert [tuple(c.architecture.answers.values())[-2:] for c in history.candidates] == [
        *((0, i) for i in range(10)),
        (1, 0),
        (1, 1),
    ]
