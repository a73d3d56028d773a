from pathlib import Path

import numpy as np
import pytest

from archwright.data.problem_folder import open_problem
from archwright.evaluate import classical_model
from archwright.evaluate.run_job import run_job


def forest(job_of, task, **fields):
    return job_of(task, baseline="random_forest", stage="baseline", **fields)


def test_a_forest_runs_as_the_same_kind_of_job(job_of, any_task, monkeypatch):
    monkeypatch.setattr(classical_model, "TREES", 40)
    job, told = forest(job_of, any_task), []
    outcome = run_job(job, told.append)
    problem = open_problem(job.data).problem
    assert outcome.state == "complete"
    assert outcome.macs is None
    assert outcome.parameters > 40
    assert outcome.metrics[problem.metric] > 0.3
    assert outcome.test > 0.3
    assert len(told) == len(outcome.curve) == 1
    assert outcome.peak_memory_mb > 10
    with np.load(Path(job.folder) / "test.npz") as kept:
        assert kept["prediction"].shape == kept["target"].shape


def test_a_forest_is_reproducible_from_its_seed(job_of, monkeypatch):
    monkeypatch.setattr(classical_model, "TREES", 20)
    runs = [run_job(forest(job_of, "regression", folder=name, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert runs[0].metrics == runs[1].metrics != runs[2].metrics


def test_a_forest_with_one_target_predicts_a_single_column(job_of, monkeypatch):
    monkeypatch.setattr(classical_model, "TREES", 20)
    assert classical_model._single_column(np.zeros((4, 1))).shape == (4,)
    assert classical_model._single_column(np.zeros((4, 2))).shape == (4, 2)


@pytest.mark.parametrize(("goal", "trees"), [(None, 200), (3.9, 60), (0.1, 20)])
def test_as_many_trees_as_fit_into_the_time_are_grown(job_of, monkeypatch, goal, trees):
    now = iter(np.arange(1.0, 100.0, 1.0))

    class Counted:
        def set_params(self, n_estimators):
            return self

        def fit(self, x, y):
            return self

    monkeypatch.setattr(classical_model.time, "perf_counter", lambda: float(next(now)))
    assert classical_model._grow(Counted(), None, None, forest(job_of, "regression", time_goal=goal), 0.0) == trees


def test_a_forest_has_a_time_limit_too(job_of):
    outcome = run_job(forest(job_of, "regression", time_limit=1e-6))
    assert outcome.state == "failed"
    assert outcome.cause.startswith("timed out after")


def test_a_probe_estimates_the_whole_forest_from_its_first_trees(job_of):
    outcome = run_job(job_of("regression", baseline="random_forest", stage="probe"))
    assert outcome.state == "complete"
    assert outcome.seconds_per_epoch > outcome.seconds
    assert outcome.metrics == {}
