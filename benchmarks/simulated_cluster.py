"""An executor in simulated time: its clock goes on when somebody waits, so that days of a cluster pass in seconds."""

import heapq
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from archwright.evaluate.job import Outcome

SPREAD = 0.5
"""Of the logarithm of a training's time: the same network takes another time on another day."""
TAIL, TAIL_EXPONENT = 0.02, 1.5
"""This share of the trainings take longer by a factor from a Pareto distribution of this exponent, whose variance is infinite."""
LONGEST_SECONDS = 1800.0
"""A time limit, as a user would set it: what takes longer has failed."""
CRASHES = 0.03
"""The share of the attempts that end with a fault of the machine, at any part of their time."""
STRAGGLERS, SLOWER = 0.05, 4.0
"""The share of the workers that are slower, and how much."""


@dataclass(frozen=True)
class Span:
    """One attempt at a training: simulated seconds. `again`: after a fault of the machine."""

    begin: float
    end: float
    again: bool


class SimulatedCluster:
    """`workers` simulated workers. `train(job)` gives the outcome of a training with the seconds that it takes on average.

    `synchronous`: results are only handed back when all that runs has ended. `operation_seconds`: what the coordinator needs for
    each training that it begins, in simulated time, during which it does nothing else.
    """

    threads = 1

    def __init__(self, workers, train, *, synchronous=False, operation_seconds=0.0, seed=0):
        self.workers = workers
        self.clock = 0.0
        self.spans = []
        self._train, self._synchronous, self._operation_seconds, self._seed = train, synchronous, operation_seconds, seed
        self._free = list(range(workers))
        self._slow = set(Random(f"{seed}/stragglers").sample(self._free, round(STRAGGLERS * workers)))
        self._running = []  # a heap by time of the end
        self._attempts = Counter()

    def submit(self, job):
        self.clock += self._operation_seconds
        worker = heapq.heappop(self._free)
        self._attempts[job.key] += 1
        outcome = self._lived_through(self._train(job), worker, Random(f"{self._seed}/{job.seed}/{self._attempts[job.key]}"))
        self.spans.append(Span(self.clock, self.clock + outcome.seconds, self._attempts[job.key] > 1))
        heapq.heappush(self._running, (self.clock + outcome.seconds, len(self.spans), worker, job, outcome))

    def _lived_through(self, outcome, worker, rng):
        """What becomes of a training on this worker."""
        factor = rng.lognormvariate(-(SPREAD**2) / 2, SPREAD) * (SLOWER if worker in self._slow else 1.0)  # a mean of 1
        factor *= rng.paretovariate(TAIL_EXPONENT) if rng.random() < TAIL else 1.0
        lasts = min(outcome.seconds * factor, LONGEST_SECONDS)
        if rng.random() < CRASHES:
            return Outcome("failed", cause="the worker was lost", machine_fault=True, seconds=lasts * rng.random())
        if lasts == LONGEST_SECONDS:
            return Outcome("failed", cause="timed out", seconds=lasts)
        return replace(outcome, seconds=lasts)

    def wait(self, timeout=None):
        if not self._running:
            return []
        until = max(self._running)[0] if self._synchronous else self._running[0][0]
        self.clock = max(self.clock, until)
        ended = []
        while self._running and self._running[0][0] <= self.clock:
            _, _, worker, job, outcome = heapq.heappop(self._running)
            heapq.heappush(self._free, worker)
            ended.append((job, outcome))
        return ended

    def progress(self):
        return {}

    def close(self):
        self._running.clear()

    def utilisation(self, until):
        """Busy worker-seconds before `until`, of all that there were. Attempts that crashed kept their worker busy."""
        return sum(min(span.end, until) - span.begin for span in self.spans if span.begin < until) / (self.workers * until)

    @property
    def last_begin(self):
        """When the last training began: from then on there is nothing new to do for workers that become free."""
        return max(span.begin for span in self.spans if not span.again)

    @property
    def makespan(self):
        """When the last training ended."""
        return max(span.end for span in self.spans)
