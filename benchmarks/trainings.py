"""Jobs of a benchmark: run once, each with its result in a folder of its own, so that the same command resumes."""

from collections.abc import Iterable

from archwright.evaluate.job import Job, Outcome, written_outcome
from archwright.execute.processes import Processes
from archwright.execute.resources import Resources


def finish(jobs: Iterable[Job], workers: int) -> None:
    """Run the jobs that have no result yet. Raises SystemExit if a training fails."""
    pending = [job for job in jobs if written_outcome(job) is None]
    with Processes(Resources(workers, device="cpu")) as processes:
        for job in pending:
            processes.submit(job)
        for _ in range(len(pending)):
            for job, outcome in processes.wait():
                print(f"{job.key}: {outcome.state} {outcome.cause} in {outcome.seconds:.0f} s", flush=True)
                if outcome.state != "complete":
                    raise SystemExit(f"{job.key} failed: {outcome.cause}. The same command keeps the other results.")


def outcome_of(job: Job) -> Outcome:
    return written_outcome(job)
