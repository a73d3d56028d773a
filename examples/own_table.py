"""A benchmark of your own: train every network of a small space once, then compare search strategies on the table in seconds.

From the command line, in this folder, once the table exists: `archwright bench own_table.csv --space own_table:Small`.
"""

import csv
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from archwright import SearchSpace
from archwright.benchmark.bench_job import bench, print_benchmark
from archwright.benchmark.request import BenchmarkRequest

TABLE = Path("own_table.csv")


@dataclass(frozen=True)
class Small(SearchSpace):
    """24 networks with one or two dense layers."""

    def decide(self, choose):
        activation = choose("activation", ["relu", "tanh"])
        layers = choose("layers", [1, 2])
        return activation, tuple(choose(f"{i}/width", [4, 8, 16]) for i in range(layers))

    def build(self, description, problem):
        raise NotImplementedError("these networks are trained with scikit-learn: a benchmark needs only the table")


def write_table() -> None:
    """One row per network: its answers as JSON, validation and test accuracy in percent, training time in seconds."""
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, test_size=500, random_state=0)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=500, random_state=0)
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["architecture", "digits_valid", "digits_test", "digits_seconds"])
        for architecture in Small().enumerate():
            activation, widths = Small().describe(architecture)
            network = MLPClassifier(widths, activation=activation, max_iter=10, learning_rate_init=0.01, random_state=0)
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                network.fit(x, y)
            seconds = time.perf_counter() - start
            valid, test = (100 * network.score(*part) for part in ((x_valid, y_valid), (x_test, y_test)))
            table.writerow([json.dumps(dict(architecture.answers)), f"{valid:.2f}", f"{test:.2f}", f"{seconds:.3f}"])


def main() -> None:
    if not TABLE.exists():
        write_table()
    request = BenchmarkRequest(
        str(TABLE),
        space="own_table:Small",
        strategies=("random", "grid", "local_search", "genetic"),
        queries=20,
        repeats=20,
        workers=1,
        out=Path("runs/own-table"),
    )
    print_benchmark(bench(request))


if __name__ == "__main__":
    main()
