"""The rules for asking a strategy, with letters as networks."""

from collections import deque

import pytest

from archwright.study.proposals import EXHAUSTED_AFTER, MOST_PENDING_REPEATS, give_result_to_repeats, next_new


class Letters:
    """Proposes one letter after another; a space stands for a proposal that is not recorded."""

    def __init__(self, letters, most_in_a_row=EXHAUSTED_AFTER):
        self.left = deque(letters)
        self.most_in_a_row = most_in_a_row
        self.pending_repeats = 0
        self.known_in_a_row = 0
        self.results = {}
        self.entries, self.settled = [], []

    @property
    def exhausted(self):
        return self.known_in_a_row >= self.most_in_a_row

    @property
    def waits(self):
        return self.pending_repeats >= MOST_PENDING_REPEATS

    def propose(self):
        letter = self.left.popleft()
        if letter == " ":
            return None
        self.entries.append((len(self.entries), letter))
        return self.entries[-1]

    def known(self, entry):
        first = next(other for other in self.entries if other[1] == entry[1])
        self.known_in_a_row = 0 if first == entry else self.known_in_a_row + 1
        return None if first == entry else first

    def is_pending(self, entry):
        return entry not in self.results

    def repeats(self, entry):
        return [other for other in self.entries if other[1] == entry[1] and other != entry and other not in self.settled]

    def copy_result(self, entry, known):
        self.settled.append(entry)


def test_a_new_network_is_returned_and_the_strategy_is_asked_again_if_nothing_was_recorded():
    letters = Letters("a  b")
    assert [next_new(letters), next_new(letters)] == [(0, "a"), (1, "b")]
    assert letters.settled == []


def test_a_repeat_of_a_finished_network_is_settled_immediately():
    letters = Letters("aaab")
    first = next_new(letters)
    letters.results[first] = 1.0
    assert next_new(letters) == (3, "b")
    assert letters.settled == [(1, "a"), (2, "a")]
    assert letters.pending_repeats == 0


def test_repeats_of_a_pending_network_wait_for_its_result():
    letters = Letters("aaab")
    first = next_new(letters)
    assert next_new(letters) == (3, "b")
    assert letters.settled == []
    letters.results[first] = 1.0
    give_result_to_repeats(letters, first)
    assert letters.settled == [(1, "a"), (2, "a")]


def test_a_new_network_resets_the_count_of_pending_repeats():
    letters = Letters("aab")
    assert [next_new(letters), next_new(letters), letters.pending_repeats] == [(0, "a"), (2, "b"), 0]


def test_after_many_pending_repeats_the_strategy_waits_for_a_result():
    letters = Letters("a" * (MOST_PENDING_REPEATS + 5) + "b")
    assert next_new(letters) == (0, "a")
    assert next_new(letters) is None
    assert len(letters.entries) == 1 + MOST_PENDING_REPEATS
    assert next_new(letters) is None
    assert len(letters.entries) == 1 + MOST_PENDING_REPEATS


@pytest.mark.parametrize("most", [1, 3])
def test_many_consecutive_known_networks_end_the_search(most):
    letters = Letters("a" * 9, most_in_a_row=most)
    letters.results[next_new(letters)] = 1.0
    assert next_new(letters) is None
    assert len(letters.entries) == 1 + most
