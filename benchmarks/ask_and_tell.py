"""How many trainings a coordinator can start and finish per second when the ledger already holds many: see README.md."""

import json
import sqlite3
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from simulated_cluster import SimulatedCluster

from archwright.evaluate.history import Objective
from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.search_space import SearchSpace
from archwright.search_strategy import make_strategy
from archwright.study.run_folder import Clock
from archwright.study.scheduler import Scheduler
from archwright.study.search_loop import search
from archwright.study.strategy_run import StrategyRun

STRATEGY = "regularized_evolution"
OBJECTIVES = (Objective("accuracy", maximize=True),)
ROWS, OPERATIONS = 10_000, 300


@dataclass(frozen=True)
class Fourteen(SearchSpace):
    """Fourteen questions with five options."""

    def decide(self, choose):
        return tuple(choose(f"question {i}", range(5)) for i in range(14))

    def build(self, description, problem):
        raise NotImplementedError("these networks are not trained")


def proposals_per_second(rows=ROWS, operations=OPERATIONS):
    """By storage: the rate with `rows` finished rows in the ledger, from the median over `operations`."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open("memory:", Path(folder), "run") as memory:
        run_trainings(memory, rows, Path(folder))
        rates = {"memory": rate(memory, operations, Path(folder))}
        copy_to_sqlite(memory, Path(folder))
        with Ledger.open(None, Path(folder), "run") as sqlite:
            check_equal(memory, sqlite)
            rates["sqlite"] = rate(sqlite, operations, Path(folder))
    return rates


def run_trainings(ledger, trainings, folder, look=lambda scheduler: None):
    """Start and finish `trainings` more: all the work of a coordinator, and none of a training."""
    strategy_run = StrategyRun(STRATEGY, make_strategy(STRATEGY), Fourteen(), ledger, OBJECTIVES, 1.0)
    strategy_run.trials = round(strategy_run.trainings) + trainings
    scheduler = Scheduler(SimulatedCluster(1, trained), ledger, Clock(folder / "clock.json"), look)
    search([strategy_run], scheduler, lambda row: job_of(row, folder))


def rate(ledger, operations, folder):
    """Operations per second: each is a proposal, its row, the start of its training, and the result of the previous one."""
    times = []
    run_trainings(ledger, operations, folder, lambda scheduler: times.append(time.perf_counter()))
    return 1 / statistics.median(after - before for before, after in pairwise(times))


def job_of(row, folder):
    architecture = row.architecture.to_json()
    return Job(str(row.run_number), row.stage, "", str(folder / "trainings"), row.seed, row.epochs, architecture=architecture)


def trained(job):
    return Outcome("complete", metrics={"accuracy": Random(job.seed).random(), "loss": 1.0}, seconds=60.0, epochs=job.epochs)


def copy_to_sqlite(memory, folder):
    """Copies the rows to a new `study.db` in one transaction; one by one, as in a search, it would take minutes."""
    with Ledger.open(None, folder, "run") as sqlite:
        sqlite.history(STRATEGY, OBJECTIVES)
        study_id = sqlite._studies[f"search/{STRATEGY}"].study_id
    trials = memory._storage.get_all_trials(memory._studies[f"search/{STRATEGY}"].study_id, deepcopy=False)
    with sqlite3.connect(folder / "study.db") as database:
        for number, trial in enumerate(trials):
            write_trial(database, study_id, number, trial)
    database.close()


def write_trial(database, study_id, number, trial):
    """In the format of Optuna's own tables."""
    from optuna.distributions import distribution_to_json

    key = number + 1
    times = (str(trial.datetime_start), str(trial.datetime_complete))
    database.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)", (key, number, study_id, trial.state.name, *times))
    database.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, 'FINITE')",
        [(key, objective, value) for objective, value in enumerate(trial.values or ())],
    )
    database.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
        [(key, name, d.to_internal_repr(trial.params[name]), distribution_to_json(d)) for name, d in trial.distributions.items()],
    )
    database.executemany(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        [(key, name, json.dumps(value)) for name, value in trial.user_attrs.items()],
    )


def check_equal(memory, sqlite):
    """Raises SystemExit unless the copy equals the original."""
    sides = ([(row.number, row.key, row.state, row.scores, row.sequence) for row in ledger.rows()] for ledger in (memory, sqlite))
    if next(sides) != next(sides):
        raise SystemExit("the rows in SQLite differ from those that were copied")
