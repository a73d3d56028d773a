from __future__ import annotations

import pytest

from archwright.data.problem import TASKS, TOKEN_METRICS, Problem
from archwright.errors import InputError
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.evaluate.objective import known_objectives, objective_value, parse_objectives, scores_of

PROBLEM = Problem("toy", "classification", (8,), 3)
OUTCOME = Outcome("complete", metrics={"accuracy": 0.9, "loss": 0.3}, parameters=1000, macs=5000, seconds=2.5)


def test_the_default_objective_is_the_metric_of_the_task():
    for task, metric in zip(TASKS, ("accuracy", "f1", "r2"), strict=False):
        assert parse_objectives("", Problem("toy", task, (8,), 3)) == (Objective(metric, maximize=True),)
    for level, metric in TOKEN_METRICS.items():
        text = Problem("toy", "language_modelling", (8,), 3, level=level)
        assert parse_objectives("", text) == (Objective(metric, maximize=False),)


@pytest.mark.parametrize("names", ["accuracy,macs", " accuracy , macs ", ["accuracy", "macs"]])
def test_objectives_have_the_right_direction(names):
    assert parse_objectives(names, PROBLEM) == (Objective("accuracy", maximize=True), Objective("macs", maximize=False))


def test_the_loss_may_come_first_and_is_minimized():
    assert parse_objectives("loss", PROBLEM) == (Objective("loss", maximize=False),)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("accuracy,mac", "did you mean 'macs'"),
        ("accuracy,flops", "choose from accuracy, loss, parameters, macs, peak_memory_mb, seconds, latency_ms"),
        ("r2", "there is no objective 'r2' for classification"),
        ("macs,accuracy", "begin with 'accuracy' or 'loss'"),
        ("accuracy,macs,accuracy", "occurs more than once"),
    ],
)
def test_a_wrong_objective_is_an_error_that_says_what_to_do(names, told):
    with pytest.raises(InputError, match=told):
        parse_objectives(names, PROBLEM)


def test_values_keep_their_units_and_higher_scores_are_better():
    objectives = parse_objectives("accuracy,macs,seconds", PROBLEM)
    assert [objective_value(objective, OUTCOME) for objective in objectives] == [0.9, 5000, 2.5]
    assert scores_of(objectives, OUTCOME) == (0.9, -5000, -2.5)


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        ("accuracy,latency_ms", OUTCOME),
        ("loss", Outcome("complete", metrics={"loss": float("nan")})),
        ("accuracy", Outcome("failed", "out of memory", metrics={"accuracy": 0.9})),
    ],
)
def test_a_missing_value_or_a_failed_training_has_no_scores(names, outcome):
    assert scores_of(parse_objectives(names, PROBLEM), outcome) is None


def test_every_known_objective_can_be_read_from_an_outcome():
    full = Outcome(
        "complete",
        metrics={"accuracy": 0.9, "loss": 0.3},
        parameters=1,
        macs=2,
        peak_memory_mb=3.0,
        seconds=4.0,
        latency_ms=5.0,
    )
    assert all(objective_value(objective, full) is not None for objective in known_objectives(PROBLEM))
