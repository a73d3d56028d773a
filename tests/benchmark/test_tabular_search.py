from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from archwright.architecture.architecture import answers_as_text
from archwright.benchmark.tabular_benchmark import TableEntry, TabularBenchmark
from archwright.benchmark.tabular_search import simulate
from archwright.errors import InputError
from archwright.evaluate.history import Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy import make_strategy
from archwright.study.proposals import EXHAUSTED_AFTER, MOST_PENDING_REPEATS


@dataclass(frozen=True)
class Line(SearchSpace):
    """Networks 0 to 9, each written in two ways."""

    name = "line"

    def decide(self, choose):
        return choose("number", range(10)), choose("way", ["plain", "other"])

    def build(self, description, problem):
        raise NotImplementedError

    def canonical(self, architecture):
        return str(architecture.answers["number"])


SPACE = Line()


def named(number, way="plain"):
    return SPACE.architecture({"number": number, "way": way})


def benchmark(seconds=None):
    """Network n is worth 10 n in validation and 90 - n in test; the other way to write it, half a point more."""
    entries = {}
    for number in range(10):
        for way, more in (("plain", 0.0), ("other", 0.5)):
            took = None if seconds is None else float(seconds[number])
            entries[answers_as_text(named(number, way).answers)] = TableEntry(10.0 * number + more, 90.0 - number, took)
    return TabularBenchmark("line", "toy", SPACE, entries)


@dataclass(frozen=True)
class Listed:
    """Proposes what it is told to, and remembers what it was shown."""

    numbers: tuple
    shown: list = field(default_factory=list)

    def propose(self, space, history, rng):
        self.shown.append((history, rng.random()))
        number = self.numbers[min(len(self.shown), len(self.numbers)) - 1]
        return Proposal(number if not isinstance(number, int) else named(number), note={"told": (1, 2)})


def values(search):
    return [query.valid for query in search.queries]


def test_a_known_network_is_free_and_keeps_the_result_that_was_asked_for_first():
    strategy = Listed((3, named(3, "other"), 5, 3, 7))
    search = simulate(benchmark(), "listed", strategy, 3)
    assert (values(search), search.proposals) == ([30.0, 50.0, 70.0], 5)
    last = strategy.shown[-1][0]
    assert [(c.state, c.scores) for c in last.finished] == [
        ("complete", (0.3,)), ("duplicate", (0.3,)), ("complete", (0.5,)), ("duplicate", (0.3,)),
    ]  # fmt: skip
    assert [c.seen for c in last.finished] == [0, 1, 2, 3]


def test_the_strategy_is_asked_with_the_seeds_of_a_study_and_sees_no_test_accuracy():
    strategy = Listed((1, 2))
    simulate(benchmark(), "listed", strategy, 2, seed=4)
    assert [drawn for _, drawn in strategy.shown] == [Random(f"4/listed/{number}").random() for number in range(2)]
    (candidate,) = strategy.shown[1][0].finished
    assert candidate.note == {"told": [1, 2]}  # as it comes back from a ledger
    assert "89" not in repr(candidate)


def test_known_networks_alone_end_a_search():
    search = simulate(benchmark(), "listed", Listed((1, 2, 2)), 5)
    assert (len(search.queries), search.proposals) == (2, 2 + EXHAUSTED_AFTER)


def test_queries_in_flight_end_by_simulated_time():
    times = [100, 1, 7, 2, 50, 4, 4, 4, 4, 4]
    strategy = Listed((0, 1, 2, 3, 5))
    search = simulate(benchmark(times), "listed", strategy, 5, in_flight=3)
    assert [(q.number, q.ended) for q in search.queries] == [(1, 1.0), (3, 3.0), (2, 7.0), (4, 7.0), (0, 100.0)]
    assert [sorted(c.number for c in history.pending) for history, _ in strategy.shown] == [[], [0], [0, 1], [0, 2], [0, 2]]


def test_without_times_the_first_in_is_the_first_out():
    search = simulate(benchmark(), "listed", Listed((4, 3, 2, 1)), 4, in_flight=2)
    assert [(q.number, q.ended) for q in search.queries] == [(0, None), (1, None), (2, None), (3, None)]


def test_a_network_in_flight_is_waited_for_and_then_a_duplicate():
    strategy = Listed((4, *[4] * MOST_PENDING_REPEATS, 5))
    search = simulate(benchmark(), "listed", strategy, 2, in_flight=2)
    assert values(search) == [40.0, 50.0]
    last = strategy.shown[-1][0]
    assert [c.state for c in last.finished] == ["complete", *["duplicate"] * MOST_PENDING_REPEATS]
    assert search.proposals == MOST_PENDING_REPEATS + 2


def test_the_incumbent_is_the_best_by_validation_and_the_earliest_of_equals():
    search = simulate(benchmark(), "listed", Listed((3, 1, 7, 5)), 4)
    assert [(q.valid, q.test) for q in search.incumbents()] == [(30.0, 87.0), (30.0, 87.0), (70.0, 83.0), (70.0, 83.0)]


@dataclass(frozen=True)
class Components:
    def propose(self, space, history, rng):
        return Proposal(space.sample(rng), epochs=3)


def test_a_strategy_that_asks_for_parts_of_trainings_is_refused():
    with pytest.raises(InputError, match="'parts' asks for parts of trainings, and a table holds whole ones"):
        simulate(benchmark(), "parts", Components(), 4)


@dataclass(frozen=True)
class Slow:
    def propose(self, space, history, rng):
        sum(range(200_000))
        return Proposal(named(len(history.complete)))


def test_a_search_that_is_too_slow_is_given_up():
    search = simulate(benchmark(), "slow", Slow(), 10, slowest=1e-5)
    assert len(search.queries) < 10
    assert search.seconds_per_proposal > 1e-5
    assert len(simulate(benchmark(), "slow", Slow(), 10, slowest=60.0).queries) == 10


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("name", ["random", "regularized_evolution", "local_search", "genetic", "grid"])
def test_strategies_of_the_library_find_the_best_of_a_small_table(name, in_flight):
    search = simulate(benchmark(range(1, 11)), name, make_strategy(name), 10, in_flight=in_flight)
    assert max(values(search)) >= 90.0
    assert len(search.queries) == 10
