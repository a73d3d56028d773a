from __future__ import annotations

import numpy as np
import pytest

from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.results import Regrets, benchmark_results, checkpoints
from archwright.benchmark.tabular_benchmark import TableEntry, TabularBenchmark
from archwright.benchmark.tabular_search import Query, SimulatedSearch
from archwright.search_space import make_space
from archwright.study.time_plan import Skipped

TABLE = TabularBenchmark("toy", "set", make_space("nasbench201"), {"a": TableEntry(90.0, 80.0), "b": TableEntry(70.0, 85.0)})


def search(*pairs):
    return SimulatedSearch([Query(i, valid, test, None) for i, (valid, test) in enumerate(pairs)], len(pairs), 2.0, 0.5)


def results(searches, queries=3):
    repeats = len(next(iter(searches.values())))
    request = BenchmarkRequest("nasbench201", strategies=tuple(searches), queries=queries, repeats=repeats)
    return benchmark_results(request, TABLE, searches, [Skipped("slow", "a reason")])


@pytest.mark.parametrize(
    ("queries", "at"),
    [(5, (5,)), (10, (10,)), (50, (10, 20, 30, 50)), (120, (10, 20, 30, 50, 100, 120)), (150, (10, 20, 30, 50, 100, 150))],
)
def test_regret_is_reported_early_then_every_fifty_queries_and_at_the_end(queries, at):
    assert checkpoints(queries) == at


def test_regret_is_the_incumbents_distance_from_the_tables_best():
    regrets = Regrets.of([search((70.0, 85.0), (60.0, 86.0), (90.0, 80.0)), search((90.0, 80.0))], 90.0, 85.0, 4)
    assert regrets.valid.tolist() == [[20.0, 20.0, 0.0, 0.0], [0.0] * 4]  # a search that ended early keeps its last incumbent
    assert regrets.test.tolist() == [[0.0, 0.0, 5.0, 5.0], [5.0] * 4]
    assert regrets.to_optimum.tolist() == [3.0, 1.0]
    assert np.isinf(Regrets.of([search((70.0, 85.0))], 90.0, 85.0, 2).to_optimum).all()


def test_the_results_have_the_documented_form():
    found = [search((70.0, 85.0), (90.0, 80.0)), search((80.0, 82.0), (70.0, 85.0), (70.0, 85.0))]
    written = results({"mine": found})
    assert {key: written[key] for key in ("benchmark", "dataset", "queries", "repeats")} == {
        "benchmark": "toy", "dataset": "set", "queries": 3, "repeats": 2,
    }  # fmt: skip
    (entry,) = written["strategies"]
    assert (entry["name"], entry["found_optimum"], entry["seconds"], entry["rank"]) == ("mine", 0.5, 4.0, 1)
    assert entry["regret_valid"] == {"3": 5.0}
    assert entry["regret_valid_se"] == {"3": pytest.approx(5.0)}
    assert entry["regret_test"] == {"3": 4.0}
    assert (entry["test_accuracy"], entry["test_accuracy_se"]) == (81.0, pytest.approx(1.0))
    assert entry["queries_to_optimum"] == {"quarter": 2.0, "median": 2.0, "three_quarters": None}
    assert entry["seconds_per_proposal"] == pytest.approx((1.5 / 1 + 1.5 / 2) / 2)
    assert written["left_out"] == [{"name": "slow", "reason": "a reason"}]


def test_equal_final_regrets_are_ranked_by_the_mean_regret():
    late, early = search((60.0, 1.0), (60.0, 1.0), (90.0, 1.0)), search((60.0, 1.0), (90.0, 1.0))
    written = results({"late": [late] * 4, "early": [early] * 4, "never": [search((60.0, 1.0))] * 4})
    assert [entry["name"] for entry in written["strategies"]] == ["early", "late", "never"]
    assert written["strategies"][1]["p_value"] == 1.0


def test_strategies_are_distinguished_by_paired_differences_only():
    rng = np.random.default_rng(0)
    hard = rng.uniform(40, 80, 30)  # some repeats are hard for both
    good = [search((value, 1.0)) for value in hard]
    worse = [search((value - 1 - rng.uniform(0, 0.1), 1.0)) for value in hard]
    like = [search((value + rng.normal(0, 1) - 0.01, 1.0)) for value in hard]
    by_name = {entry["name"]: entry for entry in results({"good": good, "worse": worse, "like": like})["strategies"]}
    assert not by_name["worse"]["like_the_best"]
    assert by_name["worse"]["p_value"] < 0.001
    assert by_name["like"]["like_the_best"]
    assert by_name["good"]["like_the_best"]


def test_a_single_repeat_has_neither_errors_nor_p_values():
    written = results({"one": [search((70.0, 85.0))], "two": [search((60.0, 85.0))]})
    assert [entry["regret_valid_se"] for entry in written["strategies"]] == [{"3": None}] * 2
    assert [entry["p_value"] for entry in written["strategies"]] == [None, None]
