import pytest

from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.study.run_folder import Clock
from archwright.study.scheduler import ATTEMPTS, Scheduler


class OneByOne:
    workers = 2

    def __init__(self, outcomes):
        self.outcomes = list(outcomes)
        self.jobs, self.waiting = [], []

    def submit(self, job):
        self.jobs.append(job)
        self.waiting.append(job)

    def wait(self, timeout=None):
        return [(self.waiting.pop(0), self.outcomes.pop(0))]

    def progress(self):
        return {job.key: {"epoch": 1.0} for job in self.waiting[:1]}


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open("memory:", tmp_path, "run") as ledger:
        yield ledger


def make_scheduler(ledger, tmp_path, *outcomes, on_poll=lambda scheduler: None):
    recorded = []
    ledger.on_finish = recorded.append
    return Scheduler(OneByOne(outcomes), ledger, Clock(tmp_path / "clock.json"), on_poll), recorded


def begin(ledger, tmp_path, baseline="vgg"):
    row = ledger.begin(Row(stage="baseline", strategy="", baseline=baseline, key=baseline, seed=3))
    return row, Job(
        key=str(row.run_number), stage="baseline", data="", folder=str(tmp_path / baseline), seed=3, epochs=1.0, baseline=baseline
    )


def test_free_and_busy_count_the_trainings_under_way(ledger, tmp_path):
    looked = []
    scheduler, recorded = make_scheduler(
        ledger, tmp_path, Outcome("complete"), Outcome("complete"), on_poll=lambda scheduler: looked.append(scheduler.free)
    )
    rows = [begin(ledger, tmp_path, name) for name in ("vgg", "densenet")]
    for row, job in rows:
        scheduler.start(row, job)
    assert scheduler.free == 0
    assert scheduler.busy
    assert scheduler.progress() == [(rows[0][0], {"epoch": 1.0}), (rows[1][0], {})]
    assert scheduler.finished() == [(rows[0][0], Outcome("complete"))]
    assert (scheduler.free, looked) == (1, [1])
    assert recorded == []
    assert (tmp_path / "densenet").is_dir()


def test_a_training_lost_to_a_machine_fault_is_retried_a_few_times(ledger, tmp_path):
    lost = Outcome("failed", "killed by signal 9 (SIGKILL)", machine_fault=True)
    scheduler, _ = make_scheduler(ledger, tmp_path, *[lost] * ATTEMPTS)
    row, job = begin(ledger, tmp_path)
    scheduler.start(row, job)
    ended = [scheduler.finished() for _ in range(ATTEMPTS)]
    assert ended[:-1] == [[]] * (ATTEMPTS - 1)
    ((same, outcome),) = ended[-1]
    assert same is row
    assert outcome.cause == f"killed by signal 9 (SIGKILL) (tried {ATTEMPTS} times)"
    assert scheduler.free == 2


def test_a_training_that_fails_by_itself_is_not_retried(ledger, tmp_path):
    failed = Outcome("failed", "diverged")
    scheduler, _ = make_scheduler(ledger, tmp_path, failed)
    row, job = begin(ledger, tmp_path)
    scheduler.start(row, job)
    assert scheduler.finished() == [(row, failed)]


def test_a_row_taken_over_by_another_coordinator_is_left_to_it(tmp_path):
    url = f"journal:{tmp_path / 'journal'}"
    with Ledger.open(url, tmp_path, "run") as ours, Ledger.open(url, tmp_path, "run") as theirs:
        row, job = begin(theirs, tmp_path)
        ours.refresh()
        scheduler, _ = make_scheduler(ours, tmp_path)
        scheduler.start(row, job)
        assert scheduler.free == 2


def test_a_recorded_result_is_in_the_ledger_and_reported(ledger, tmp_path):
    scheduler, recorded = make_scheduler(ledger, tmp_path, Outcome("complete", metrics={"accuracy": 0.5}))
    row, job = begin(ledger, tmp_path)
    scheduler.start(row, job)
    ((row, outcome),) = scheduler.finished()
    done = ledger.finish(row, outcome.state, outcome)
    assert recorded == [done] == list(ledger.rows())
    assert (done.state, done.outcome) == ("complete", outcome)
