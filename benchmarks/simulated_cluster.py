"""An executor in simulated time: its clock advances when the caller waits, so that days on a cluster pass in seconds."""

import heapq
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from archwright.evaluate.job import Outcome

SPREAD = 0.5
"""Standard deviation of the logarithm of a training's duration: repeated trainings of a network take different times."""
TAIL, TAIL_EXPONENT = 0.02, 1.5
"""This fraction of the trainings take longer by a Pareto-distributed factor with this exponent, whose variance is infinite."""
LONGEST_SECONDS = 1800.0
"""A time limit, as a user would set it: longer trainings fail."""
CRASHES = 0.03
"""The fraction of attempts that end with a machine fault, at a random point of their duration."""
STRAGGLERS, SLOWER = 0.05, 4.0
"""The fraction of workers that are slower, and by what factor."""


@dataclass(frozen=True)
class Span:
    """One attempt at a training, in simulated seconds. `again`: a retry after a machine fault."""

    begin: float
    end: float
    again: bool


class SimulatedCluster:
    """`workers` simulated workers. `train(job)` returns the outcome of a training, with its mean duration in seconds.

    `synchronous`: results are returned only when all running trainings have finished. `operation_seconds`: simulated time that the
    coordinator needs to start each training, during which it does nothing else.
    """

    threads = 1

    def __init__(self, workers, train, *, synchronous=False, operation_seconds=0.0, seed=0):
        self.workers = workers
        self.clock = 0.0
        self.spans = []
        self._train, self._synchronous, self._operation_seconds, self._seed = train, synchronous, operation_seconds, seed
        self._free = list(range(workers))
        self._slow = set(Random(f"{seed}/stragglers").sample(self._free, round(STRAGGLERS * workers)))
        self._running = []  # a heap ordered by end time
        self._attempts = Counter()

    def submit(self, job):
        self.clock += self._operation_seconds
        worker = heapq.heappop(self._free)
        self._attempts[job.key] += 1
        outcome = self._outcome_on(self._train(job), worker, Random(f"{self._seed}/{job.seed}/{self._attempts[job.key]}"))
        self.spans.append(Span(self.clock, self.clock + outcome.seconds, self._attempts[job.key] > 1))
        heapq.heappush(self._running, (self.clock + outcome.seconds, len(self.spans), worker, job, outcome))

    def _outcome_on(self, outcome, worker, rng):
        """The outcome of a training on this worker."""
        factor = rng.lognormvariate(-(SPREAD**2) / 2, SPREAD) * (SLOWER if worker in self._slow else 1.0)  # the mean is 1
        factor *= rng.paretovariate(TAIL_EXPONENT) if rng.random() < TAIL else 1.0
        duration = min(outcome.seconds * factor, LONGEST_SECONDS)
        if rng.random() < CRASHES:
            return Outcome("failed", cause="the worker was lost", machine_fault=True, seconds=duration * rng.random())
        if duration == LONGEST_SECONDS:
            return Outcome("failed", cause="timed out", seconds=duration)
        return replace(outcome, seconds=duration)

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
        """Fraction of worker-seconds before `until` that were busy, including attempts that crashed."""
        return sum(min(span.end, until) - span.begin for span in self.spans if span.begin < until) / (self.workers * until)

    @property
    def last_begin(self):
        """When the last training started: after that, there is no new work for workers that become free."""
        return max(span.begin for span in self.spans if not span.again)

    @property
    def makespan(self):
        """When the last training finished."""
        return max(span.end for span in self.spans)
