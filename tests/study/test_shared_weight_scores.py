"""Candidates scored with a supernet's weights: which ones, only once, and paired with their metrics from scratch."""

import json
from random import Random

import pytest

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.study import shared_weight_scores as module
from archwright.study.run_folder import Clock
from archwright.study.scheduler import Scheduler
from archwright.study.shared_weight_scores import STAGE, architectures_of, paired_scores, scorable, score_with_shared_weights
from archwright.study.supernet_search import SupernetSearch

ACCURACY = (Objective("accuracy", True),)


ALL = ("random", "darts")


def architecture(number):
    return Architecture("chain", {}, {"depth": number})


class Scorer:
    """An executor whose jobs score each architecture by its depth; `lose`: how many of the scores are missing."""

    workers = 1

    def __init__(self, outcome=None, lose=0):
        self.outcome, self.lose = outcome, lose
        self.jobs, self.waiting = [], []

    def submit(self, job):
        self.jobs.append(job)
        self.waiting.append(job)

    def wait(self, timeout=None):
        job = self.waiting.pop(0)
        scored = job.supernet["architectures"]
        scored = scored[: len(scored) - self.lose]
        found = tuple({"architecture": a, "score": a["answers"]["depth"] / 10, "epoch": 0.0} for a in scored)
        return [(job, self.outcome or Outcome("complete", seconds=1.0, found=found))]

    def progress(self):
        return {}


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open("memory:", tmp_path, "run") as ledger:
        for name in ("random", "darts"):
            ledger.history(name, ACCURACY)
        yield ledger


def searched(ledger, number, strategy="random", state="complete", value=None, epochs=4.0):
    row = ledger.begin(Row(stage="search", strategy=strategy, architecture=architecture(number), key=f"k{number}", epochs=epochs))
    value = number / 100 if value is None else value
    scores = (value,) if state == "complete" else None
    outcome = Outcome("complete" if state == "complete" else "failed", metrics={"accuracy": value}, seconds=1.0)
    return ledger.finish(row, state, outcome, scores=scores)


def score(ledger, tmp_path, executor=None, *names):
    executor = executor or Scorer()
    scheduler = Scheduler(executor, ledger, Clock(tmp_path / "clock.json"), lambda scheduler: None)

    def job(row):
        asked = {"architectures": [a.to_json() for a in architectures_of(row, ledger)]}
        return Job(str(row.run_number), STAGE, "", str(tmp_path / str(row.run_number)), row.seed, 1.0, supernet=asked)

    score_with_shared_weights([SupernetSearch(name, ledger, 1.0) for name in names or ("darts",)], ledger, scheduler, job, 0, ALL)
    return executor


def test_complete_candidates_of_all_strategies_are_scored_each_network_once(ledger):
    for number in range(4):
        searched(ledger, number)
    searched(ledger, 9, state="failed")
    searched(ledger, 2, "darts", value=0.5)
    searched(ledger, 7, "darts")
    assert [(row.strategy, row.key) for row in scorable(ledger, 0, ALL)] == [
        *(("random", f"k{number}") for number in range(4)),
        ("darts", "k7"),
    ]


def test_searches_of_another_space_are_left_out(ledger):
    searched(ledger, 1)
    searched(ledger, 7, "darts")
    assert [row.key for row in scorable(ledger, 0, ("darts",))] == ["k7"]


def test_partially_trained_candidates_are_not_scored(ledger):
    searched(ledger, 0, epochs=1.0)
    searched(ledger, 1)
    searched(ledger, 0)
    assert [(row.key, row.epochs) for row in scorable(ledger, 0, ALL)] == [("k1", 4.0), ("k0", 4.0)]


def test_a_reproducible_sample_is_drawn_from_very_many_candidates(ledger, monkeypatch):
    monkeypatch.setattr(module, "MOST_SCORED", 5)
    for number in range(12):
        searched(ledger, number)
    drawn = [row.run_number for row in scorable(ledger, 0, ALL)]
    assert len(set(drawn)) == 5
    assert drawn == sorted(drawn) == [row.run_number for row in scorable(ledger, 0, ALL)]
    assert drawn != [row.run_number for row in scorable(ledger, 1, ALL)]


def test_scores_are_paired_with_the_metrics_from_scratch(ledger, tmp_path):
    for number in (3, 1, 2, 5):
        searched(ledger, number)
    executor = score(ledger, tmp_path)
    assert len(executor.jobs) == 1
    assert paired_scores("darts", "accuracy", ledger) == [(n / 10, n / 100) for n in (3, 1, 2, 5)]
    assert paired_scores("gdas", "accuracy", ledger) == []


def test_too_few_candidates_are_not_scored(ledger, tmp_path):
    for number in range(3):
        searched(ledger, number)
    assert score(ledger, tmp_path).jobs == []


def test_the_same_candidates_are_scored_once_and_again_when_there_are_more(ledger, tmp_path):
    for number in range(4):
        searched(ledger, number)
    for expected in (1, 0):
        assert len(score(ledger, tmp_path).jobs) == expected
    searched(ledger, 8)
    assert len(score(ledger, tmp_path).jobs) == 1
    assert len(paired_scores("darts", "accuracy", ledger)) == 5
    assert len(score(ledger, tmp_path, None, "darts", "gdas").jobs) == 1


def test_an_incomplete_scoring_pairs_the_scores_it_has(ledger, tmp_path):
    for number in range(6):
        searched(ledger, number)
    score(ledger, tmp_path, Scorer(lose=2))
    assert [pair[1] for pair in paired_scores("darts", "accuracy", ledger)] == [0.0, 0.01, 0.02, 0.03]


def test_a_failed_scoring_gives_no_pairs(ledger, tmp_path):
    for number in range(4):
        searched(ledger, number)
    score(ledger, tmp_path, Scorer(Outcome("failed", "boom")))
    assert paired_scores("darts", "accuracy", ledger) == []


def test_an_interrupted_scoring_is_resumed_under_its_own_number(tmp_path):
    url = f"journal:{tmp_path / 'journal'}"
    rng = Random(0)
    with Ledger.open(url, tmp_path, "run") as ledger:
        ledger.history("random", ACCURACY)
        for number in range(4):
            searched(ledger, number, value=rng.random())

        def kill(_):
            raise KeyboardInterrupt

        executor = Scorer()
        executor.wait = kill
        with pytest.raises(KeyboardInterrupt):
            score(ledger, tmp_path, executor)
    with Ledger.open(url, tmp_path, "run") as ledger:
        again = score(ledger, tmp_path)
        assert [(job.key, job.seed) for job in again.jobs] == [(job.key, job.seed) for job in executor.jobs]
        assert json.dumps(again.jobs[0].supernet) == json.dumps(executor.jobs[0].supernet)
        assert len(ledger.rows(STAGE)) == 1
