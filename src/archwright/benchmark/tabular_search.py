"""A search on a table: proposals are made as in a real one, and what a training would have given is looked up."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from archwright.benchmark.tabular_benchmark import TableEntry, TabularBenchmark
from archwright.errors import InputError
from archwright.evaluate.history import Candidate, History, Objective, Proposal, key_of
from archwright.search_strategy import Strategy, sized_for_budget
from archwright.study.proposals import EXHAUSTED_AFTER, MOST_PENDING_REPEATS, give_result_to_repeats, next_new

OBJECTIVES = (Objective("accuracy", maximize=True),)
PERCENT = 100.0


@dataclass(frozen=True)
class Query:
    """One lookup, the stand-in of a training: accuracies in percent, and the simulated time at which it ended, in seconds.

    `number`: the proposal's. `ended`: None where the table has no training times.
    """

    number: int
    valid: float
    test: float
    ended: float | None


@dataclass(frozen=True)
class SimulatedSearch:
    """What a search asked, in order of completion.

    `seconds`: the processor's, for all of its `proposals`, lookups included; `longest`: those of the longest proposal.
    """

    queries: Sequence[Query]
    proposals: int
    seconds: float
    longest: float = 0.0

    @property
    def seconds_per_proposal(self) -> float:
        """The mean without the longest proposal, which may have loaded a library."""
        return (self.seconds - self.longest) / max(1, self.proposals - 1)

    def incumbents(self) -> list[Query]:
        """After each query the one with the best validation accuracy so far; the earliest of equals."""
        best: list[Query] = []
        for query in self.queries:
            best.append(query if not best or query.valid > best[-1].valid else best[-1])
        return best


def simulate(
    benchmark: TabularBenchmark,
    name: str,
    strategy: Strategy,
    queries: int,
    *,
    seed: int = 0,
    in_flight: int = 1,
    slowest: float | None = None,
) -> SimulatedSearch:
    """The search of `strategy` (called `name`, which is part of its seed) until it has asked so many queries, or has no more.

    A query is one distinct network, by the space's `canonical`: a known one gets a duplicate's row with the known result, which
    takes a number and is free; a thousand such in a row end the search. `in_flight` queries are always pending, and end in the
    order of simulated time, or first in, first out where the table has no times. The strategy sees validation accuracies only,
    in [0, 1]. A search that takes more than `slowest` processor seconds for each of its queries, its longest proposal left out, is
    given up with what it has.
    Raises InputError where the table has no row for a proposal, or the strategy asks for a part of a training.
    """
    begun = time.process_time()
    search = _Search(benchmark, name, sized_for_budget(strategy, queries), queries, seed, in_flight)
    while True:
        while search.has_room and (candidate := next_new(search)) is not None:
            search.begin(candidate)
        seconds = time.process_time() - begun
        if not search.running or (slowest is not None and seconds - search.longest > slowest * queries):
            return SimulatedSearch(search.ended, search.number, seconds, search.longest)
        search.end_next()


class _Search:
    """The candidates of one simulated search, as `proposals.next_new` asks for them, and its clock."""

    def __init__(self, benchmark: TabularBenchmark, name: str, strategy: Strategy, queries: int, seed: int, in_flight: int) -> None:
        self.benchmark, self.name, self.strategy = benchmark, name, strategy
        self.queries, self.seed, self.in_flight = queries, seed, in_flight
        self.finished: list[Candidate] = []
        self.pending: dict[int, Candidate] = {}
        self.first: dict[str, Candidate] = {}
        self.running: list[tuple[float, int, TableEntry]] = []  # a heap by time of the end, then number
        self.ended: list[Query] = []
        self.clock = self.longest = 0.0
        self.number = self.begun = self.known_in_a_row = self.pending_repeats = 0

    @property
    def has_room(self) -> bool:
        """Whether another query may begin."""
        return len(self.running) < self.in_flight and self.begun < self.queries

    @property
    def exhausted(self) -> bool:
        return self.known_in_a_row >= EXHAUSTED_AFTER

    @property
    def waits(self) -> bool:
        return self.pending_repeats >= MOST_PENDING_REPEATS

    def propose(self) -> Candidate:
        begun = time.process_time()
        history = History(OBJECTIVES, tuple(self.finished), tuple(self.pending.values()))
        proposal = self.strategy.propose(self.benchmark.space, history, Random(f"{self.seed}/{self.name}/{self.number}"))
        candidate = self._candidate(proposal)
        self.longest = max(self.longest, time.process_time() - begun)
        self.number += 1
        self.pending[candidate.number] = candidate
        return candidate

    def _candidate(self, proposal: Proposal) -> Candidate:
        if proposal.continues is not None or proposal.epochs is not None:
            raise InputError(
                f"strategy {self.name!r} asks for parts of trainings, and a table holds whole ones: leave it out of the benchmark"
            )
        note = json.loads(json.dumps(dict(proposal.note))) if proposal.note else {}  # as it comes back from a ledger
        key = key_of(self.benchmark.space, proposal.architecture)
        seen = len(self.finished)
        return Candidate(self.number, proposal.architecture, key, "running", parent=proposal.parent, note=note, seen=seen)

    def known(self, candidate: Candidate) -> Candidate | None:
        first = self.first.setdefault(candidate.key, candidate)
        self.known_in_a_row = 0 if first is candidate else self.known_in_a_row + 1
        return None if first is candidate else first

    def is_pending(self, candidate: Candidate) -> bool:
        return candidate.scores is None

    def repeats(self, candidate: Candidate) -> list[Candidate]:
        return [pending for pending in self.pending.values() if pending.key == candidate.key]

    def copy_result(self, candidate: Candidate, known: Candidate) -> None:
        del self.pending[candidate.number]
        self.finished.append(replace(candidate, state="duplicate", scores=known.scores))

    def begin(self, candidate: Candidate) -> None:
        """Look the candidate up; its result arrives when its training would have ended."""
        entry = self.benchmark.entry(candidate.architecture)
        self.begun += 1
        takes = entry.seconds if entry.seconds is not None and self.benchmark.timed else 1.0
        heapq.heappush(self.running, (self.clock + takes, candidate.number, entry))

    def end_next(self) -> None:
        """The result of the query that ends first, for its candidate and those that waited for an equal network."""
        self.clock, number, entry = heapq.heappop(self.running)
        self.pending_repeats = 0
        self.ended.append(Query(number, entry.valid, entry.test, self.clock if self.benchmark.timed else None))
        done = replace(self.pending.pop(number), state="complete", scores=(entry.valid / PERCENT,))
        self.first[done.key] = done
        self.finished.append(done)
        give_result_to_repeats(self, done)
