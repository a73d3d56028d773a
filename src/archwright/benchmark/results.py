"""The results of a benchmark: regrets, the ranking, and which differences are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.tabular_benchmark import TabularBenchmark
from archwright.benchmark.tabular_search import SimulatedSearch
from archwright.statistics.paired_test import holm, sign_flip_test
from archwright.study.time_plan import Skipped

EARLY = (10, 20, 30)
STEP = 50
LEVEL = 0.05
EXACT = 1e-9
"""Accuracies in percent that differ by less count as equal."""

Array = NDArray[np.float64]


def checkpoints(queries: int) -> tuple[int, ...]:
    """The numbers of queries after which regret is reported: 10, 20, 30, 50, 100, 150 and so on, and the last."""
    return tuple(dict.fromkeys([*(n for n in (*EARLY, *range(STEP, queries, STEP)) if n < queries), queries]))


@dataclass(frozen=True)
class Regrets:
    """The regret of a strategy's incumbent after each query, (repeats, queries), in percentage points.

    The incumbent is the best network by validation; its test regret is the distance of its test accuracy from the table's best.
    A search that ended early keeps its last incumbent.
    """

    valid: Array
    test: Array

    @classmethod
    def of(cls, searches: Sequence[SimulatedSearch], best_valid: float, best_test: float, queries: int) -> Regrets:
        incumbents = [search.incumbents() for search in searches]
        held = [[line[min(i, len(line) - 1)] for i in range(queries)] for line in incumbents]
        valid = np.array([[best_valid - query.valid for query in line] for line in held])
        return cls(valid, np.array([[best_test - query.test for query in line] for line in held]))

    @cached_property
    def to_optimum(self) -> Array:
        """(repeats,) queries until the validation regret is zero; infinite if it never is."""
        reached = self.valid < EXACT
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def benchmark_results(
    request: BenchmarkRequest,
    benchmark: TabularBenchmark,
    searches: Mapping[str, Sequence[SimulatedSearch]],
    left_out: Sequence[Skipped],
) -> dict[str, Any]:
    """The content of results.json, with the strategies from best to worst."""
    regrets = {
        name: Regrets.of(found, benchmark.best_valid, benchmark.best_test, request.queries) for name, found in searches.items()
    }
    ranked = sorted(regrets, key=lambda name: (round(float(regrets[name].valid[:, -1].mean()), 9), regrets[name].valid.mean()))
    p_values = _p_values(ranked, regrets)
    return {
        "benchmark": benchmark.name,
        "dataset": benchmark.dataset,
        "queries": request.queries,
        "repeats": request.repeats,
        "seed": request.seed,
        "in_flight": request.in_flight,
        "best_valid": benchmark.best_valid,
        "best_test": benchmark.best_test,
        "simulated_time": benchmark.timed,
        "strategies": [
            {
                "name": name,
                "settings": request.settings_for(name),
                **_summary(regrets[name], benchmark, request.queries),
                "proposals": float(np.mean([search.proposals for search in searches[name]])),
                "seconds": sum(search.seconds for search in searches[name]),
                "seconds_per_proposal": float(np.mean([search.seconds_per_proposal for search in searches[name]])),
                "rank": rank,
                "p_value": (p := p_values[name]),
                "like_the_best": p is None or p >= LEVEL,
            }
            for rank, name in enumerate(ranked, start=1)
        ],
        "left_out": [{"name": skipped.name, "reason": skipped.reason} for skipped in left_out],
    }


def _summary(regrets: Regrets, benchmark: TabularBenchmark, queries: int) -> dict[str, Any]:
    at = checkpoints(queries)
    test = benchmark.best_test - regrets.test[:, -1]
    return {
        "regret_valid": {str(n): float(regrets.valid[:, n - 1].mean()) for n in at},
        "regret_valid_se": {str(n): standard_error(regrets.valid[:, n - 1]) for n in at},
        "regret_test": {str(n): float(regrets.test[:, n - 1].mean()) for n in at},
        "regret_test_se": {str(n): standard_error(regrets.test[:, n - 1]) for n in at},
        "test_accuracy": float(test.mean()),
        "test_accuracy_se": standard_error(test),
        "found_optimum": float((regrets.to_optimum <= queries).mean()),
        "found_optimum_within": {str(n): float((regrets.to_optimum <= n).mean()) for n in at},
        "queries_to_optimum": {name: _quantile(regrets.to_optimum, q) for name, q in QUANTILES.items()},
    }


QUANTILES = {"quarter": 0.25, "median": 0.5, "three_quarters": 0.75}


def _quantile(numbers: Array, q: float) -> float | None:
    """The smallest of the numbers that is at least as large as a share `q` of them; None if it is infinite."""
    value = float(np.quantile(numbers, q, method="inverted_cdf"))
    return value if np.isfinite(value) else None


def standard_error(values: Array) -> float | None:
    """The standard error of the mean; None for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _p_values(ranked: Sequence[str], regrets: Mapping[str, Regrets]) -> dict[str, float | None]:
    """The p-value of each strategy's final validation regret against the best one's; None for the best and for a single repeat."""
    best, others = ranked[0], ranked[1:]
    if len(regrets[best].valid) < 2:
        return dict.fromkeys(ranked)
    tested = [sign_flip_test(regrets[name].valid[:, -1] - regrets[best].valid[:, -1]) for name in others]
    return {best: None, **dict(zip(others, holm(tested), strict=True))}
