"""The seconds per epoch of some networks, measured by short jobs (probes) before a run's time is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archwright.evaluate.job import Job, Outcome
from archwright.execute.executor import Executor


def measure_epochs(executor: Executor, probes: Mapping[str, Sequence[Job]]) -> dict[str, list[Outcome]]:
    """The outcomes of each list of jobs, under its name and in its order, with `seconds_per_epoch` in worker-seconds.

    An epoch on several devices costs the sum over these; one that could not be measured is None.
    """
    jobs = [job for of_one in probes.values() for job in of_one]
    for job in jobs:
        executor.submit(job)
    outcomes: dict[str, Outcome] = {}
    while len(outcomes) < len(jobs):
        outcomes.update({job.key: _in_worker_seconds(outcome, job.devices) for job, outcome in executor.wait(1.0)})
    return {name: [outcomes[job.key] for job in of_one] for name, of_one in probes.items()}


def _in_worker_seconds(outcome: Outcome, devices: int) -> Outcome:
    if outcome.seconds_per_epoch is None:
        return outcome
    return replace(outcome, seconds_per_epoch=outcome.seconds_per_epoch * devices)
