from __future__ import annotations

from dataclasses import dataclass, replace

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import Candidate, History, Objective, key_of
from archwright.search_space import SearchSpace


@dataclass(frozen=True)
class Pair(SearchSpace):
    """Two letters whose order does not matter."""

    name = "pair"

    def decide(self, choose):
        return choose("first", ["a", "b"]) + choose("second", ["a", "b"])

    def build(self, description, problem):
        raise NotImplementedError

    def canonical(self, architecture):
        return "".join(sorted(self.describe(architecture)))


def candidate(number, key, state="complete", scores=(0.5,)):
    return Candidate(number, Architecture("toy", {}, {"q": number}), key, state, scores)


HISTORY = History(
    (Objective("accuracy", maximize=True),),
    finished=[
        candidate(1, "one", scores=(0.7,)),
        candidate(0, "zero", scores=(0.9,)),
        candidate(3, "one", "duplicate", (0.7,)),
        candidate(4, "four", "failed", None),
        candidate(6, "six", scores=(0.9,)),
    ],
    pending=[candidate(5, "five", "running", None)],
    refused=[candidate(2, "two", "refused", None)],
)


def test_a_score_is_higher_if_the_value_is_better():
    up, down = Objective("accuracy", maximize=True), Objective("macs", maximize=False)
    assert up.score(0.9) > up.score(0.8)
    assert down.score(1e6) > down.score(2e6)


def test_candidates_are_ordered_by_number():
    assert [c.number for c in HISTORY.candidates] == list(range(7))


def test_keys_are_those_of_all_known_or_running_networks():
    assert HISTORY.keys == {"zero", "one", "two", "four", "five", "six"}


def test_complete_has_each_network_once_in_order_of_completion():
    assert [c.number for c in HISTORY.complete] == [1, 0, 6]


def test_the_best_is_the_first_to_reach_the_highest_score():
    assert HISTORY.best().number == 0
    assert History(HISTORY.objectives).best() is None


def test_the_highest_of_several_fidelities_counts():
    low, other, high = candidate(0, "one", scores=(0.9,)), candidate(1, "two", scores=(0.95,)), candidate(2, "one", scores=(0.8,))
    history = History(HISTORY.objectives, [replace(low, epochs=1.0), replace(other, epochs=1.0), replace(high, epochs=3.0)])
    assert [c.number for c in history.complete] == [2, 1]
    assert history.best().number == 2


def test_a_failed_candidate_is_worse_than_all_others():
    assert candidate(0, "k", "failed", None).score < candidate(1, "l", scores=(-1e9,)).score


def test_equal_networks_share_a_key_and_others_do_not():
    space = Pair()
    ab, ba, aa = (space.architecture({"first": text[0], "second": text[1]}) for text in ("ab", "ba", "aa"))
    assert key_of(space, ab) == key_of(space, ba) != key_of(space, aa)
