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
from archwright.study.search_loop import search
from archwright.study.strategy_run import StrategyRun

EPOCHS = 16.0
WORKERS = (1, 4, 16, 64, 256, 1024, 4096)
REPEATED_WORKERS = 1024
"""With more workers only the first seed is simulated: so many trainings take minutes, and vary little."""
TRAININGS_EACH = 8
"""Full trainings per worker."""
STRATEGIES, COMPARED_WORKERS = ("random", "regularized_evolution", "asha"), 32
LEAST_DRAWN = 74.0
"""Percent: lower accuracies are exceeded within the first minutes."""
OPERATION_SECONDS = 0.02
"""Simulated time to start a training: what the coordinator needs on SQLite, rounded up."""


@dataclass(frozen=True)
class Simulation:
    """One search. `best`: (simulated seconds, best accuracy of a full training so far), one pair per improvement.

    `operations_per_second`: trainings that the coordinator started and finished per second of real time.
    """

    cluster: SimulatedCluster
    best: list[tuple[float, float]]
    operations_per_second: float

    @property
    def utilisation(self):
        """Until the last training started: while there was work for all workers."""
        return self.cluster.utilisation(self.cluster.last_begin)

    @property
    def utilisation_to_the_end(self):
        """Including the ramp-down, when the last trainings finish."""
        return self.cluster.utilisation(self.cluster.makespan)

    def best_at(self, until):
        return max((score for at, score in self.best if at <= until), default=0.0)

    def time_to(self, score):
        """Simulated seconds until the score was reached; None if it was not."""
        return next((at for at, reached in self.best if reached >= score), None)


class Trainings:
    """The trainings of a search: jobs for its rows, and outcomes that are looked up instead of trained."""

    def __init__(self, ledger, folder):
        self._ledger, self._folder = ledger, folder
        self._own_share = {}  # fraction of a full training, by the job's key; without the part that it continues

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
    """A search of `trainings` full trainings on a simulated cluster."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open("memory:", Path(folder), "run") as ledger:
        sized = sized_for_budget(make_strategy(strategy), trainings)
        strategy_run = StrategyRun(strategy, sized, FourCells(), ledger, OBJECTIVES, EPOCHS, seed, trainings)
        lookup = Trainings(ledger, Path(folder))
        cluster = SimulatedCluster(workers, lookup.train, synchronous=synchronous, operation_seconds=OPERATION_SECONDS, seed=seed)
        best = []
        ledger.on_finish = lambda row: _record_best(best, cluster.clock, row)
        scheduler = Scheduler(cluster, ledger, Clock(Path(folder) / "clock.json"), lambda scheduler: None)
        begun = time.perf_counter()
        search([strategy_run], scheduler, lookup.job_of)
        return Simulation(cluster, best, len(cluster.spans) / (time.perf_counter() - begun))


def _record_best(best, clock, row):
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


def mean_and_spread(values, form):
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
        cells += [mean_and_spread((100 * s.utilisation for s in simulations), ".1f")]
        cells += [mean_and_spread((100 * s.utilisation_to_the_end for s in simulations), ".1f")]
        cells += [mean_and_spread((s.cluster.makespan / 3600 for s in simulations), ".2f")]
    cells.append(f"{statistics.mean(s.operations_per_second for pair in pairs for s in pair):.0f}")
    return cells


def quality_row(strategy, workers, seeds):
    """Both searches when the asynchronous one has finished, and how much sooner it reaches the accuracy that both reach."""
    pairs = [both(workers, strategy, seed) for seed in seeds]
    ends = [asynchronous.cluster.makespan for asynchronous, _ in pairs]
    speed_ups = [_speed_up(*pair) for pair in pairs]
    return [
        f"`{strategy}`",
        mean_and_spread((end / 3600 for end in ends), ".2f"),
        mean_and_spread((100 * pair[0].best_at(end) for pair, end in zip(pairs, ends, strict=True)), ".2f"),
        mean_and_spread((100 * pair[1].best_at(end) for pair, end in zip(pairs, ends, strict=True)), ".2f"),
        mean_and_spread((100 * pair[1].best[-1][1] for pair in pairs), ".2f"),
        f"{statistics.median(speed_ups):.2f}",
    ]


def _speed_up(asynchronous, synchronous):
    """Time of the synchronous search divided by that of the asynchronous one, until the lower of their best accuracies."""
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
    header = ["strategy", "hours", "async: best %", "sync: best % then", "sync: best % at its end", "speed-up"]
    print_table(header, (quality_row(strategy, COMPARED_WORKERS, seeds) for strategy in STRATEGIES))


def plot(file, workers, seeds):
    """Best accuracy over simulated time, with one panel per strategy and one line per seed."""
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
    parser.add_argument("--workers", type=int, help="number of simulated workers; default: a table of several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from --seed upwards, for tables and plot")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, with the coordinator's speed")
    parser.add_argument("--plot", metavar="FILE", help="draw best accuracy over simulated time instead")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    if arguments.json:
        print(json.dumps(as_json(arguments.workers or 1024, arguments.seed)))
    elif arguments.plot:
        plot(arguments.plot, arguments.workers or COMPARED_WORKERS, seeds)
    else:
        print_tables([arguments.workers] if arguments.workers else WORKERS, seeds)


if __name__ == "__main__":
    main()
