"""results.json from the ledger: the candidate that represents a method, its costs, and what was left out."""

import json
from importlib.metadata import version

import numpy as np
import pytest

from archwright.architecture.architecture import Architecture
from archwright.cost.energy import energy_wh
from archwright.data.problem import Problem
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.study.final_trainings import Contender
from archwright.study.results import failures, method_json, method_of, problem_json, read_accesses, test_runs, versions
from archwright.study.run_folder import RunFolder

PROBLEM = Problem("sheets", "regression", (3,), 1, n_train=60, n_val=20, n_test=20, data_hash="abc")
ONE, TWO = (Contender("final", "random", key, Architecture("chain", {}, {"depth": i}), i) for i, key in enumerate(("k1", "k2")))
FOREST = Contender("baseline", "random_forest", "random_forest")


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open("memory:", tmp_path, "run") as ledger:
        ledger.history("random", (Objective("r2", True),))
        yield ledger


def trained(ledger, contender, seed_index, val, test=0.5, state="complete", plan="trials", **facts):
    row = ledger.begin(
        Row(
            stage=contender.stage,
            strategy=contender.method if contender.stage == "final" else "",
            baseline=None if contender.stage == "final" else contender.method,
            architecture=contender.architecture,
            key=contender.key,
            seed=100 + seed_index,
            extra={"seed_index": seed_index, "plan": plan},
        )
    )
    metrics = {"r2": val, "loss": 1.0} if state == "complete" else {}
    outcome = Outcome(state, facts.pop("cause", ""), metrics=metrics, test=test, seconds=2.0, epochs=3.0, **facts)
    return ledger.finish(row, state, outcome)


def searched(ledger, key, state="complete", seconds=10.0):
    row = ledger.begin(Row(stage="search", strategy="random", architecture=Architecture("chain", {}, {"depth": 1}), key=key))
    outcome = Outcome("refused" if state == "refused" else "complete", metrics={"r2": 0.1}, seconds=seconds)
    ledger.finish(row, state, outcome, scores=(0.1,) if state in ("complete", "duplicate") else None)


def test_the_candidate_with_the_best_mean_validation_represents_its_method(ledger):
    for seed_index, (first, second) in enumerate([(-0.9, -0.5), (0.2, -0.1)]):
        trained(ledger, ONE, seed_index, first)
        trained(ledger, TWO, seed_index, second)
    method = method_of("random", "search", "r2", [ONE, TWO, FOREST], ledger, "trials")
    assert method.contender == TWO
    assert [row.key for row in method.runs] == ["k2", "k2"]
    assert len(method.all_runs) == 4
    assert method.best_run.outcome.metrics["r2"] == -0.1


def test_ties_between_runs_go_to_the_first(ledger):
    for seed_index in range(3):
        trained(ledger, ONE, seed_index, 0.4)
    assert method_of("random", "search", "r2", [ONE], ledger, "trials").best_run.seed == 100


def test_only_complete_runs_of_this_plan_count(ledger):
    trained(ledger, ONE, 0, 0.9, plan="minutes=1")
    trained(ledger, ONE, 0, 0.3)
    trained(ledger, ONE, 1, 0.0, state="failed", cause="diverged")
    method = method_of("random", "search", "r2", [ONE], ledger, "trials")
    assert [row.outcome.metrics["r2"] for row in method.runs] == [0.3]
    assert [(s.name, s.reason) for s in failures([method])] == [("random", "1 of 2 final trainings failed: diverged")]


def test_a_method_as_json(ledger):
    searched(ledger, "k1")
    searched(ledger, "k2", seconds=5.0)
    searched(ledger, "k2", "duplicate", seconds=0.0)
    searched(ledger, "k3", "refused", seconds=0.0)
    costs = {"macs": 1000, "peak_memory_mb": 80.0, "latency_ms": 0.5, "predict_seconds": 0.1}
    trained(ledger, ONE, 0, 0.3, test=0.2, parameters=10, **costs)
    trained(ledger, ONE, 1, 0.5, test=0.4, parameters=11, **costs)
    method = method_of("random", "search", "r2", [ONE], ledger, "trials")
    found = method_json(method, PROBLEM, ledger, threads=2, device="cpu")
    assert json.loads(json.dumps(found)) == found
    assert (found["name"], found["kind"], found["metric"], found["n_trials"]) == ("random", "search", "r2", 2)
    assert found["runs"] == [{"seed": 100, "value": 0.2, "val": 0.3}, {"seed": 101, "value": 0.4, "val": 0.5}]
    assert found["mean"] == pytest.approx(0.3)
    assert found["ci95"][0] < 0.3 < found["ci95"][1]
    assert (found["search_seconds"], found["train_seconds"]) == (15.0, 2.0)
    assert found["energy_wh"] == energy_wh(15.0 + 4.0, 2, "cpu")
    assert (found["parameters"], found["macs"], found["latency_ms"]) == (10, 1000, 0.5)
    assert found["architecture"] == ONE.architecture.to_json()


def test_a_method_without_a_complete_run_has_no_metrics(ledger):
    trained(ledger, FOREST, 0, 0.0, state="failed", cause="out of memory")
    method = method_of("random_forest", "baseline", "r2", [FOREST], ledger, "trials")
    found = method_json(method, PROBLEM, ledger, threads=1, device="cpu")
    assert (found["mean"], found["ci95"], found["runs"], found["parameters"], found["architecture"]) == (None, None, [], None, None)
    assert found["energy_wh"] == energy_wh(2.0, 1, "cpu")


def test_a_search_without_a_complete_candidate_is_reported(ledger):
    method = method_of("random", "search", "r2", [], ledger, "trials")
    assert [(s.name, s.reason) for s in failures([method])] == [("random", "the search has no complete candidate to train")]


def test_one_seed_has_no_interval(ledger):
    trained(ledger, FOREST, 0, 0.3)
    found = method_json(method_of("random_forest", "baseline", "r2", [FOREST], ledger, "trials"), PROBLEM, ledger, 1, "cpu")
    assert (found["mean"], found["ci95"]) == (0.5, None)


def test_predictions_of_the_runs_are_read_from_their_folders(ledger, tmp_path):
    rows = [trained(ledger, FOREST, i, 0.3) for i in range(2)]
    folder = RunFolder(tmp_path)
    for i, row in enumerate(rows):
        folder.training_of(row).mkdir(parents=True)
        np.savez(folder.training_of(row) / "test.npz", prediction=np.full(4, i), target=np.arange(4))
    runs = test_runs(method_of("random_forest", "baseline", "r2", [FOREST], ledger, "trials"), folder)
    assert [(run.seed, run.prediction.tolist(), run.target.tolist()) for run in runs] == [
        (100, [0] * 4, [0, 1, 2, 3]),
        (101, [1] * 4, [0, 1, 2, 3]),
    ]


def test_the_problem_and_the_versions_are_recorded():
    assert json.loads(json.dumps(problem_json(PROBLEM))) == {
        "name": "sheets",
        "task": "regression",
        "level": None,
        "metric": "r2",
        "input_shape": [3],
        "n_train": 60,
        "n_val": 20,
        "n_test": 20,
        "data_hash": "abc",
    }
    assert versions()["torch"] == version("torch")
    assert {"python", "archwright", "optuna"} <= set(versions())


def test_accesses_are_counted_line_by_line(tmp_path):
    log = tmp_path / "test_accesses.jsonl"
    assert read_accesses(log) == []
    log.write_text('{"reason": "a", "time": "1"}\n\n{"reason": "b", "time": "2"}\n')
    assert [access["reason"] for access in read_accesses(log)] == ["a", "b"]


def test_if_lower_is_better_the_lowest_contender_and_run_are_chosen(ledger):
    for contender, values in ((ONE, (0.4, 0.2)), (TWO, (0.6, 0.5))):
        for seed_index, value in enumerate(values):
            trained(ledger, contender, seed_index, value)
    method = method_of("random", "search", "perplexity", [TWO, ONE], ledger, "trials")
    assert method.contender == ONE
    assert next(iter(method.best_run.outcome.metrics.values())) == 0.2
