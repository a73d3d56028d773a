from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

import pytest

from archwright.evaluate.history import Candidate, History, key_of
from archwright.search_space import SearchSpace
from archwright.search_strategy.local_search import LocalSearch


@dataclass(frozen=True)
class Grid(SearchSpace):
    """Two coordinates of seven; neighbours share one of them."""

    name = "grid"

    def decide(self, choose):
        return choose("x", list(range(7))), choose("y", list(range(7)))

    def build(self, description, problem):
        raise NotImplementedError


GRID = Grid()


def candidate(number, x, y, score, state="complete", **rest):
    architecture = GRID.architecture({"x": x, "y": y})
    scores = None if score is None else tuple(score) if isinstance(score, list) else (score,)
    return Candidate(number, architecture, key_of(GRID, architecture), state, scores, **rest)


def place(proposal):
    return proposal.architecture.answers["x"], proposal.architecture.answers["y"]


def climb(toy, finished, pending=(), objectives=None, starts=1, seed=0):
    history = History(objectives or toy.accuracy, finished, pending)
    return LocalSearch(starts).propose(GRID, history, Random(seed))


def test_it_begins_from_the_best_of_its_starts(toy):
    finished = [candidate(0, 0, 0, 0.2), candidate(1, 3, 3, 0.8), candidate(2, 6, 6, 0.5)]
    assert climb(toy, finished, starts=4).parent is None
    for seed in range(20):
        proposal = climb(toy, finished, starts=3, seed=seed)
        assert proposal.parent == 1
        assert (place(proposal)[0] == 3) != (place(proposal)[1] == 3)


def test_the_first_better_neighbour_becomes_the_incumbent(toy):
    finished = [candidate(0, 3, 3, 0.5), candidate(1, 3, 4, 0.4, parent=0), candidate(2, 0, 3, 0.6, parent=0)]
    assert {climb(toy, finished, seed=seed).parent for seed in range(10)} == {2}
    finished = finished[:2]
    assert {climb(toy, finished, seed=seed).parent for seed in range(10)} == {0}


def test_no_known_neighbour_is_visited_again_not_even_a_failed_or_pending_one(toy):
    finished = [candidate(0, 0, 0, 0.5), *(candidate(i, i, 0, 0.1, parent=0) for i in range(1, 6))]
    finished.append(candidate(6, 6, 0, None, "failed", parent=0))
    pending = [candidate(7 + i, 0, 1 + i, None, "running", parent=0) for i in range(5)]
    assert {place(climb(toy, finished, pending, seed=seed)) for seed in range(20)} == {(0, 6)}


def all_neighbours(centre, number, score):
    x, y = centre
    places = [(i, y) for i in range(7) if i != x] + [(x, i) for i in range(7) if i != y]
    return [candidate(number + i, *at, score, parent=0) for i, at in enumerate(places)]


def test_after_a_local_optimum_a_new_climb_begins_with_one_start(toy):
    finished = [candidate(0, 2, 2, 0.9), *all_neighbours((2, 2), 1, 0.5)]
    begin = climb(toy, finished, starts=1)
    assert (begin.parent, begin.note) == (None, {"climb": 1})
    finished.append(candidate(13, 5, 5, 0.6, note={"climb": 1}))
    step = climb(toy, finished, starts=1)
    assert (step.parent, step.note) == (13, {"climb": 1})


def test_while_a_neighbour_is_pending_the_climb_goes_on(toy):
    *known, last = all_neighbours((2, 2), 1, 0.5)
    awaited = candidate(last.number, *last.architecture.answers.values(), None, "running", parent=0)
    proposal = climb(toy, [candidate(0, 2, 2, 0.9), *known], [awaited])
    assert (proposal.parent, proposal.note) == (None, {"climb": 0})


def test_a_better_neighbour_that_an_earlier_climb_knows_is_moved_to_at_once(toy):
    finished = [candidate(0, 2, 2, 0.9), *all_neighbours((2, 2), 1, 0.5)]
    finished.append(candidate(13, 5, 0, 0.1, note={"climb": 1}))  # beside (2, 0) at 0.5, which is beside the top
    proposal = climb(toy, finished)
    assert (proposal.parent, proposal.note) == (None, {"climb": 2})


def test_a_start_that_failed_is_followed_by_another_of_the_same_climb(toy):
    proposal = climb(toy, [candidate(0, 2, 2, None, "failed")])
    assert (proposal.parent, proposal.note) == (None, {"climb": 0})


def test_with_two_objectives_every_network_on_the_front_is_an_incumbent(toy):
    front = [candidate(0, 0, 0, [0.9, -9.0]), candidate(1, 6, 6, [0.1, -1.0]), candidate(2, 3, 3, [0.05, -2.0])]
    finished = [*front, *(c for c in all_neighbours((0, 0), 3, [0.0, -99.0]))]
    seen = {climb(toy, finished, objectives=toy.two, starts=3, seed=seed).parent for seed in range(10)}
    assert seen == {1}  # (0, 0) is done, (3, 3) is dominated


def test_a_climb_reaches_the_top_of_a_landscape_with_one_top(toy):
    space = toy.spaces["flat"]
    for seed in range(3):
        history = toy.Study(LocalSearch(1), space, seed=seed).run(1 + 8 * 3 * 8)  # at most 8 moves, each among 24 neighbours
        assert history.best().score == 1.0


@pytest.mark.parametrize(("trials", "starts"), [(None, None), (1, 1), (20, 5), (400, 10)])
def test_unset_starts_are_a_quarter_of_the_trials(trials, starts):
    assert LocalSearch().for_budget(trials).starts == starts
    assert LocalSearch(3).for_budget(trials).starts == 3


def test_proposing_stays_fast_with_a_long_history(toy):
    space, rng, candidates = toy.spaces["flat"], Random(0), []
    for number in range(10_000):
        architecture = space.sample(rng)
        key, parent = key_of(space, architecture), number - 1 if number % 100 else None
        candidates.append(Candidate(number, architecture, key, "complete", (rng.random(),), parent, note={"climb": number // 100}))
    begin = time.process_time()
    for seed in range(5):
        LocalSearch().propose(space, History(toy.accuracy, candidates), Random(seed))
    assert (time.process_time() - begin) / 5 < 0.2  # about 12 ms; the margin is for a busy machine
