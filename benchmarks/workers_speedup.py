"""What a second worker is worth: the same real trainings on one worker and on two, in turn, each worker on a core of its own.

    python benchmarks/workers_speedup.py [--executor processes] [--rounds 3] [--json]

Each round trains the same networks of the `chain` space on handwritten digits, once with one worker and once with two, and the
order changes from round to round. Starting the executor counts. Printed: seconds of each, and the median of the rounds' ratios.
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


def seconds_of(executor: str, workers: int, waiting: list[Job]) -> float:
    """From before the executor is made until the last training has ended."""
    start = time.perf_counter()
    with make_executor(executor, Resources(workers, cpus=1, device="cpu")) as made:
        for job in waiting:
            made.submit(job)
        left = len(waiting)
        while left:
            for job, outcome in made.wait(60):
                if outcome.state != "complete":
                    raise SystemExit(f"{job.key}: {outcome.state}: {outcome.cause}")
                left -= 1
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", default="processes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            order = WORKERS if number % 2 == 0 else WORKERS[::-1]
            rounds.append({w: seconds_of(asked.executor, w, jobs(Path(folder), f"{number}-{w}")) for w in order})
            if not asked.json:
                print(f"round {number + 1}: " + ", ".join(f"{w} workers {rounds[-1][w]:.1f} s" for w in WORKERS), flush=True)
    ratios = [seconds[1] / seconds[2] for seconds in rounds]
    told = {"executor": asked.executor, "trainings": TRAININGS, "speedup": statistics.median(ratios), "ratios": ratios}
    print(json.dumps(told) if asked.json else f"speed-up {told['speedup']:.2f} (rounds: {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
