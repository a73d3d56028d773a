"""From 1 to 4,096 workers in simulated time, with the real coordinator and real strategies: see README.md."""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ask_and_tell import OBJECTIVES, proposals_per_second
from four_cells import FourCells, accuracy, seconds
from simulated_cluster import SimulatedCluster

from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.search_strategy import make_strategy, sized_for_budget
from archwright.study.run_folder import Clock
from archwright.study.scheduler import Scheduler
from archwright.study.search_loop import SearchLimits, StrategyRun, search

EPOCHS = 16.0
WORKERS = (1, 4, 16, 64, 256, 1024, 4096)
REPEATED_WORKERS = 1024
"""More workers are simulated with the first seed alone: so many trainings take minutes, and vary little."""
TRAININGS_EACH = 8
"""Full trainings for each worker."""
STRATEGIES, COMPARED_WORKERS = ("random", "regularized_evolution", "asha"), 32
LEAST_DRAWN = 74.0
"""Percent: what is below is passed in the first minutes."""
OPERATION_SECONDS = 0.02
"""Of simulated time for each training begun: what the coordinator takes for it on SQLite, rounded up."""


@dataclass(frozen=True)
class Simulation:
    """One search. `best`: (simulated seconds, best accuracy of a full training so far), whenever it rises.

    `operations_per_second`: trainings that the coordinator began and ended in a second of real time.
    """

    cluster: SimulatedCluster
    best: list[tuple[float, float]]
    operations_per_second: float

    @property
    def utilisation(self):
        """While there was work for all: until the last training began."""
        return self.cluster.utilisation(self.cluster.last_begin)

    @property
    def utilisation_to_the_end(self):
        """The ramp-down too, in which the last trainings end."""
        return self.cluster.utilisation(self.cluster.makespan)

    def best_at(self, until):
        return max((score for at, score in self.best if at <= until), default=0.0)

    def time_to(self, score):
        """Simulated seconds after which it was reached; None where it was not."""
        return next((at for at, reached in self.best if reached >= score), None)


class Trainings:
    """What a search asks for: jobs for its rows, and their outcomes, looked up instead of trained."""

    def __init__(self, ledger, folder):
        self._ledger, self._folder = ledger, folder
        self._own_share = {}  # of a full training, by the job's key; without the part that it goes on from

    def job_of(self, row):
        key, share = str(row.run_number), row.epochs / EPOCHS
        self._own_share[key] = self._ledger.epochs_of(row.strategy, row.epochs, row.continues) / EPOCHS
        architecture = row.architecture.to_json()
        return Job(key, row.stage, "", str(self._folder / "trainings"), row.seed, EPOCHS, share, architecture=architecture)

    def train(self, job):
        answers = job.architecture["answers"]
        metrics = {"accuracy": accuracy(answers, job.share, job.seed)}
        return Outcome("complete", metrics=metrics, seconds=self._own_share[job.key] * seconds(answers), epochs=EPOCHS * job.share)


def simulate(workers, strategy, trainings, *, synchronous=False, seed=0):
    """A search of so many full trainings on a simulated cluster."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open("memory:", Path(folder), "run") as ledger:
        sized = sized_for_budget(make_strategy(strategy), trainings)
        strategy_run = StrategyRun(strategy, sized, FourCells(), ledger, OBJECTIVES, EPOCHS)
        looked_up = Trainings(ledger, Path(folder))
        cluster = SimulatedCluster(
            workers, looked_up.train, synchronous=synchronous, operation_seconds=OPERATION_SECONDS, seed=seed
        )
        best = []
        scheduler = Scheduler(
            cluster,
            ledger,
            Clock(Path(folder) / "clock.json"),
            lambda scheduler: None,
            lambda row: _keep_best(best, cluster.clock, row),
        )
        begun = time.perf_counter()
        search([strategy_run], scheduler, looked_up.job_of, SearchLimits(trainings, None, lambda: cluster.clock), seed)
        return Simulation(cluster, best, len(cluster.spans) / (time.perf_counter() - begun))


def _keep_best(best, clock, row):
    if row.state == "complete" and row.epochs == EPOCHS and row.scores[0] > (best[-1][1] if best else 0.0):
        best.append((clock, row.scores[0]))


def both(workers, strategy, seed, each=TRAININGS_EACH):
    """The same search asynchronously and synchronously."""
    return [simulate(workers, strategy, each * workers, synchronous=synchronous, seed=seed) for synchronous in (False, True)]


def as_json(workers, seed, rates=None):
    asynchronous, synchronous = both(workers, "regularized_evolution", seed)
    rates = rates or proposals_per_second()
    return {
        "workers": workers,
        "utilisation_async": round(asynchronous.utilisation, 4),
        "utilisation_sync": round(synchronous.utilisation, 4),
        "proposals_per_second_memory": round(rates["memory"], 1),
        "proposals_per_second_sqlite": round(rates["sqlite"], 1),
    }


# Tables.


def told(values, form):
    """Mean and standard deviation over the seeds."""
    values = list(values)
    spread = f" ± {format(statistics.stdev(values), form)}" if len(values) > 1 else ""
    return format(statistics.mean(values), form) + spread


def utilisation_row(workers, seeds):
    seeds = seeds if workers <= REPEATED_WORKERS else seeds[:1]
    pairs = [both(workers, "regularized_evolution", seed) for seed in seeds]
    columns = zip(*pairs, strict=True)
    cells = [str(workers)]
    for simulations in columns:
        cells += [told((100 * s.utilisation for s in simulations), ".1f")]
        cells += [told((100 * s.utilisation_to_the_end for s in simulations), ".1f")]
        cells += [told((s.cluster.makespan / 3600 for s in simulations), ".2f")]
    cells.append(f"{statistics.mean(s.operations_per_second for pair in pairs for s in pair):.0f}")
    return cells


def quality_row(strategy, workers, seeds):
    """Both at the time when the asynchronous search had ended, and how much sooner it had what the other one had at its end."""
    pairs = [both(workers, strategy, seed) for seed in seeds]
    ends = [asynchronous.cluster.makespan for asynchronous, _ in pairs]
    sooner = [_times_sooner(*pair) for pair in pairs]
    return [
        f"`{strategy}`",
        told((end / 3600 for end in ends), ".2f"),
        told((100 * pair[0].best_at(end) for pair, end in zip(pairs, ends, strict=True)), ".2f"),
        told((100 * pair[1].best_at(end) for pair, end in zip(pairs, ends, strict=True)), ".2f"),
        told((100 * pair[1].best[-1][1] for pair in pairs), ".2f"),
        f"{statistics.median(sooner):.2f}",
    ]


def _times_sooner(asynchronous, synchronous):
    """Time of the synchronous search over that of the other one, to the lower of their best accuracies."""
    goal = min(asynchronous.best[-1][1], synchronous.best[-1][1])
    return synchronous.time_to(goal) / asynchronous.time_to(goal)


def print_table(header, rows):
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def print_tables(all_workers, seeds):
    sides = [f"{kind}: {what}" for kind in ("async", "sync") for what in ("busy %", "busy % to the end", "hours")]
    print_table(["workers", *sides, "operations/s"], (utilisation_row(workers, seeds) for workers in all_workers))
    header = ["strategy", "hours", "async: best %", "sync: best % then", "sync: best % at its end", "times sooner"]
    print_table(header, (quality_row(strategy, COMPARED_WORKERS, seeds) for strategy in STRATEGIES))


def plot(file, workers, seeds):
    """Best accuracy over simulated time, a panel for each strategy and a line for each seed."""
    from matplotlib.figure import Figure

    figure = Figure((4 * len(STRATEGIES), 3.5), layout="constrained")
    for axes, strategy in zip(figure.subplots(1, len(STRATEGIES), sharey=True), STRATEGIES, strict=True):
        for pair in (both(workers, strategy, seed) for seed in seeds):
            for simulation, color in zip(pair, ("tab:blue", "tab:orange"), strict=True):
                hours = [at / 3600 for at, _ in simulation.best] + [simulation.cluster.makespan / 3600]
                scores = [100 * score for _, score in simulation.best]
                axes.step(hours, [*scores, scores[-1]], where="post", color=color, linewidth=1)
        axes.set(title=strategy, xlabel="simulated hours")
    figure.axes[0].set(ylabel="best validation accuracy, %", ylim=(LEAST_DRAWN, None))
    figure.legend(figure.axes[0].lines[:2], ("asynchronous", "synchronous"), loc="outside lower center", ncols=2)
    figure.savefig(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="of the simulated cluster; left out, a table of several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="repeats, from --seed upwards, of the tables and the plot")
    parser.add_argument("--json", action="store_true", help="one line of JSON, and the coordinator's speed")
    parser.add_argument("--plot", metavar="FILE", help="draw best accuracy over simulated time instead")
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.seeds)
    if asked.json:
        print(json.dumps(as_json(asked.workers or 1024, asked.seed)))
    elif asked.plot:
        plot(asked.plot, asked.workers or COMPARED_WORKERS, seeds)
    else:
        print_tables([asked.workers] if asked.workers else WORKERS, seeds)


if __name__ == "__main__":
    main()
