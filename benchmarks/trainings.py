"""Jobs of a benchmark: done once, each in a folder of its own where its result stays, so that the same command continues."""

from collections.abc import Iterable
from pathlib import Path

from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.run_job import read_result
from archwright.execute.processes import Processes
from archwright.execute.resources import Resources


def finish(jobs: Iterable[Job], workers: int) -> None:
    """Do what is not done yet. Raises SystemExit where a training fails."""
    waiting = [job for job in jobs if read_result(Path(job.folder)) is None]
    with Processes(Resources(workers, device="cpu")) as processes:
        for job in waiting:
            processes.submit(job)
        for _ in range(len(waiting)):
            for job, outcome in processes.wait():
                print(f"{job.key}: {outcome.state} {outcome.cause} in {outcome.seconds:.0f} s", flush=True)
                if outcome.state != "complete":
                    raise SystemExit(f"{job.key} failed: {outcome.cause}. The same command continues with the others' results.")


def outcome_of(job: Job) -> Outcome:
    return read_result(Path(job.folder))
