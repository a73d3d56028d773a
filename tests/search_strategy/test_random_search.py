from __future__ import annotations

from collections import Counter
from random import Random

from archwright.evaluate.history import History
from archwright.search_strategy.random_search import RandomSearch


def test_each_option_of_a_question_is_as_likely_as_any_other(toy):
    rng = Random(0)
    proposals = [RandomSearch().propose(toy.spaces["conditional"], History(toy.accuracy), rng) for _ in range(3000)]
    depths = Counter(proposal.architecture.answers["depth"] for proposal in proposals)
    assert set(depths) == {1, 3, 6}
    assert all(abs(count - 1000) < 120 for count in depths.values())  # five standard deviations are 129


def test_the_history_makes_no_difference(toy):
    history = toy.Study(RandomSearch(), toy.spaces["flat"]).run(20)
    empty = History(toy.accuracy)
    proposals = [RandomSearch().propose(toy.spaces["flat"], seen, Random(3)) for seen in (history, empty)]
    assert proposals[0] == proposals[1]
