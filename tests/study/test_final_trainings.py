"""The final trainings: paired seeds, each trained once despite interruptions, and equally many per method if time runs out."""

import pytest

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.study.final_trainings import Contender, final_trainings, rows_of, train_finally
from archwright.study.run_folder import Clock
from archwright.study.scheduler import Scheduler

SEARCHED = Contender("final", "random", "k1", Architecture("chain", {}, {"depth": 2}), candidate=4)
SECOND = Contender("final", "random", "k2", Architecture("chain", {}, {"depth": 3}), candidate=7)
FOREST = Contender("baseline", "random_forest", "random_forest")
CONTENDERS = [SEARCHED, SECOND, FOREST]


class Stopped(Exception):
    pass


class AtOnce:
    def __init__(self, workers=1, stop_after=None):
        self.workers, self.stop_after = workers, stop_after
        self.jobs, self.waiting = [], []

    def submit(self, job):
        self.jobs.append(job)
        self.waiting.append(job)

    def wait(self, timeout=None):
        if self.stop_after == len(self.jobs) - len(self.waiting):
            raise Stopped
        job = self.waiting.pop(0)
        if job.baseline == "broken":
            return [(job, Outcome("failed", "boom"))]
        return [(job, Outcome("complete", metrics={"accuracy": 0.5}, test=0.4, seconds=1.0))]

    def progress(self):
        return {}


@pytest.fixture
def url(tmp_path):
    return f"journal:{tmp_path / 'journal'}"


def train(url, folder, contenders=CONTENDERS, executor=None, seeds=2, plan="trials", late=lambda: False):
    """What `train_finally` leaves out, and the ledger's rows afterwards."""

    def job(row):
        architecture = row.architecture.to_json() if row.architecture else None
        return Job(
            key=str(row.run_number),
            stage=row.stage,
            data="",
            folder=str(folder / str(row.run_number)),
            seed=row.seed,
            epochs=row.epochs,
            architecture=architecture,
            baseline=row.baseline,
        )

    executor = executor or AtOnce()
    with Ledger.open(url, folder, "run") as ledger:
        try:
            scheduler = Scheduler(executor, ledger, Clock(folder / "clock.json"), lambda scheduler: None)
            left_out = train_finally(final_trainings(contenders, seeds, 0), plan, 5.0, scheduler, ledger, job, late)
        except Stopped:
            left_out = None
        return left_out, ledger.rows(), {c: rows_of(ledger, c, plan) for c in contenders}


def test_first_seeds_come_first_and_seeds_are_paired():
    trainings = final_trainings(CONTENDERS, 3, seed=0)
    assert [t.contender for t in trainings] == CONTENDERS * 3
    assert [t.seed_index for t in trainings] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    by_index = [{t.seed for t in trainings if t.seed_index == i} for i in range(3)]
    assert [len(seeds) for seeds in by_index] == [1, 1, 1]
    assert len(set.union(*by_index)) == 3
    assert not {t.seed for t in final_trainings(CONTENDERS, 3, seed=1)} & set.union(*by_index)


def test_more_seeds_keep_the_first_ones():
    few, many = final_trainings(CONTENDERS, 2, seed=5), final_trainings(CONTENDERS, 4, seed=5)
    assert many[: len(few)] == few


def test_every_contender_is_trained_with_every_seed(url, tmp_path):
    executor = AtOnce(workers=2)
    left_out, rows, by_contender = train(url, tmp_path, executor=executor)
    assert left_out == []
    assert len(rows) == len(executor.jobs) == 6
    for contender, own in by_contender.items():
        assert [row.extra["seed_index"] for row in own] == [0, 1]
        assert {(row.state, row.stage, row.parent, row.architecture, row.epochs) for row in own} == {
            ("complete", contender.stage, contender.candidate, contender.architecture, 5.0)
        }
    searched, forest = by_contender[SEARCHED], by_contender[FOREST]
    assert (searched[0].strategy, searched[0].baseline) == ("random", None)
    assert (forest[0].strategy, forest[0].baseline) == ("", "random_forest")


@pytest.mark.parametrize("stop_after", [0, 1, 5])
def test_an_interrupted_protocol_is_continued_without_repeating_trainings(url, tmp_path, stop_after):
    stopped = AtOnce(workers=2, stop_after=stop_after)
    _, before, _ = train(url, tmp_path, executor=stopped)
    done = {row.run_number: row for row in before if row.state == "complete"}
    assert len(done) == stop_after
    again = AtOnce(workers=2)
    _, after, _ = train(url, tmp_path, executor=again)
    assert [row.run_number for row in after] == list(range(6))
    assert {row.state for row in after} == {"complete"}
    assert {int(job.key) for job in again.jobs} == set(range(6)) - set(done)
    for number, row in done.items():
        assert (after[number].seed, after[number].outcome, after[number].sequence) == (row.seed, row.outcome, row.sequence)
    finished = AtOnce()
    train(url, tmp_path, executor=finished)
    assert finished.jobs == []


def test_once_it_is_late_only_first_seeds_are_trained_and_the_rest_is_reported(url, tmp_path):
    left_out, rows, _ = train(url, tmp_path, seeds=3, late=lambda: True)
    assert [row.extra["seed_index"] for row in rows] == [0, 0, 0]
    assert [(t.contender, t.seed_index) for t in left_out] == [(c, i) for i in (1, 2) for c in CONTENDERS]


def test_what_is_running_is_finished_however_late_it_is(url, tmp_path):
    train(url, tmp_path, executor=AtOnce(stop_after=3))
    left_out, rows, _ = train(url, tmp_path, late=lambda: True)
    assert [row.state for row in rows] == ["complete"] * 4
    assert [(t.contender, t.seed_index) for t in left_out] == [(SECOND, 1), (FOREST, 1)]


def test_another_plan_trains_anew(url, tmp_path):
    train(url, tmp_path, plan="minutes=3", seeds=1)
    executor = AtOnce()
    _, rows, by_contender = train(url, tmp_path, executor=executor, plan="minutes=5", seeds=1)
    assert len(executor.jobs) == 3
    assert len(rows) == 6
    assert all(row.extra["plan"] == "minutes=5" for own in by_contender.values() for row in own)


def test_a_failed_training_is_recorded_and_the_others_go_on(url, tmp_path):
    broken = Contender("baseline", "broken", "broken")
    _, rows, _ = train(url, tmp_path, contenders=[broken, FOREST])
    assert [(row.state, row.cause) for row in rows] == [("failed", "boom"), ("complete", "")] * 2
