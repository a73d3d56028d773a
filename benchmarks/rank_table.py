"""The table of docs/strategies.md: the strategies on all data sets of NAS-Bench-201, in one command.

Each data set's benchmark has its own folder below `--out`; the same command resumes an interrupted one.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from archwright.benchmark.bench_job import bench
from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.run_benchmark import results_of
from archwright.settings import assignments, listed

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
Results = Mapping[str, Any]


def markdown(results: Sequence[Results]) -> str:
    """One row per strategy: mean rank, validation regret per data set after 50, 100 and the last query, median to the best."""
    last = str(results[0]["queries"])
    at = [n for n in ("50", "100") if int(n) < int(last)] + [last]
    lines = [
        f"| rank | strategy | {' | '.join(f'regret at {n}' for n in at)} | test at {last} | found the best | median queries |",
        f"| --- | --- | {'--- | ' * len(at)}--- | --- | --- |",
    ]
    found = [{entry["name"]: entry for entry in one["strategies"]} for one in results]
    common = [name for name in found[0] if all(name in entries for entries in found)]
    ranks = {name: mean(entries[name]["rank"] for entries in found) for name in common}
    for name in sorted(common, key=ranks.__getitem__):
        rows = [entries[name] for entries in found]
        cells = [" / ".join(f"{row['regret_valid'][n]:.2f}" for row in rows) for n in at]
        test = " / ".join(f"{row['regret_test'][last]:.2f}" for row in rows)
        share = " / ".join(f"{row['found_optimum']:.0%}" for row in rows)
        medians = " / ".join(_median(row) for row in rows)
        lines.append(f"| {ranks[name]:.1f} | `{name}` | {' | '.join(cells)} | {test} | {share} | {medians} |")
    return "\n".join(lines)


def _median(row: Results) -> str:
    median = row["queries_to_optimum"]["median"]
    return "–" if median is None else f"{median:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", default="all")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="STRATEGY.KEY=VALUE", dest="settings")
    parser.add_argument("--out", type=Path, default=Path("runs/ranks"))
    arguments = parser.parse_args()
    results = []
    for dataset in DATASETS:
        request = BenchmarkRequest(
            "nasbench201",
            dataset,
            strategies=listed(arguments.strategies),
            queries=arguments.queries,
            repeats=arguments.repeats,
            workers=arguments.workers,
            in_flight=arguments.in_flight,
            settings=assignments(arguments.settings),
            out=arguments.out / dataset,
        )
        results.append(results_of(bench(request)))
    print(markdown(results))
    for skipped in results[0]["left_out"]:
        print(f"left out: {skipped['name']}: {skipped['reason']}")


if __name__ == "__main__":
    main()
