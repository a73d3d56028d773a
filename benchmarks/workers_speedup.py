"""Speed-up from a second worker: the same real trainings with one worker and with two, alternately, each on its own core.

    python benchmarks/workers_speedup.py [--executor processes] [--rounds 3] [--json]

Each round trains the same networks of the `chain` space on handwritten digits, once with one worker and once with two, in
alternating order. The start-up time of the executor is included. Prints the seconds of each, and the median of the rounds' ratios.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

from archwright.data.load import load_problem
from archwright.data.problem_folder import save_problem
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor
from archwright.formatting import plural
from archwright.search_space import make_space
from archwright.settings import settings_of
from archwright.train.recipe import recipe_for

TRAININGS = 10
EPOCHS = 8.0
WORKERS = (1, 2)


def jobs(folder: Path, name: str) -> list[Job]:
    """Always the same trainings, in new folders."""
    data = load_problem("digits")
    save_problem(data, folder / "data")
    space = make_space("chain").for_problem(data.problem)
    rng = Random(0)
    return [
        Job(
            key=f"{name}-{i}",
            stage="search",
            data=str(folder / "data"),
            folder=str(folder / name / str(i)),
            seed=i,
            epochs=EPOCHS,
            architecture=space.sample(rng).to_json(),
            recipe=settings_of(recipe_for(data.problem.n_train, {}, data.problem.task)),
            device="cpu",
            threads=1,
        )
        for i in range(TRAININGS)
    ]


def seconds_of(executor: str, workers: int, pending: list[Job]) -> float:
    """From the start of the executor to the end of the last training."""
    start = time.perf_counter()
    with make_executor(executor, Resources(workers, cpus=1, device="cpu")) as running:
        for job in pending:
            running.submit(job)
        unfinished = len(pending)
        while unfinished:
            for job, outcome in running.wait(60):
                if outcome.state != "complete":
                    raise SystemExit(f"{job.key}: {outcome.state}: {outcome.cause}")
                unfinished -= 1
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", default="processes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            order = WORKERS if number % 2 == 0 else WORKERS[::-1]
            rounds.append({w: seconds_of(arguments.executor, w, jobs(Path(folder), f"{number}-{w}")) for w in order})
            if not arguments.json:
                seconds = ", ".join(f"{plural(w, 'worker')} {rounds[-1][w]:.1f} s" for w in WORKERS)
                print(f"round {number + 1}: {seconds}", flush=True)
    ratios = [by_workers[1] / by_workers[2] for by_workers in rounds]
    summary = {"executor": arguments.executor, "trainings": TRAININGS, "speedup": statistics.median(ratios), "ratios": ratios}
    print(
        json.dumps(summary)
        if arguments.json
        else f"speed-up {summary['speedup']:.2f} (rounds: {min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
