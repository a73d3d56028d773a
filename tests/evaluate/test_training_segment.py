from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archwright.evaluate import training_schedule
from archwright.evaluate.full_training import TRAINED_FROM_SCRATCH
from archwright.evaluate.job import CHECKPOINT
from archwright.evaluate.run_job import run_job
from archwright.evaluate.training_schedule import last_epoch
from archwright.train.checkpoint import load_checkpoint, save_checkpoint

RECIPE = {"augmentation": "crop+flip+cutout", "drop_path": 0.1}
"""Everything that draws random numbers, and a learning rate that changes with each step."""


class Killed(BaseException):
    """Like `kill -9`: cannot be caught as an Exception."""


def kill_in(epoch):
    def on_epoch(record):
        if record["epoch"] == epoch:
            raise Killed

    return on_epoch


def result(outcome):
    """What must not depend on whether the training was interrupted."""
    curve = [{key: value for key, value in record.items() if key != "seconds"} for record in outcome.curve]
    return outcome.state, outcome.metrics, outcome.epochs, curve


def on(job, folder, share=1.0, **fields):
    """The job that continues where `job` ends."""
    return replace(job, folder=str(Path(job.folder).with_name(folder)), share=share, continues=job.folder, **fields)


def has_checkpoint(job):
    return (Path(job.folder) / CHECKPOINT).exists()


@pytest.fixture
def first(job_of):
    """The first two of eight epochs."""
    return job_of(folder="first", epochs=8.0, share=0.25, recipe=RECIPE)


@pytest.fixture
def whole(job_of):
    """All eight epochs at once."""
    return run_job(job_of(folder="whole", epochs=8.0, recipe=RECIPE))


def test_a_training_in_segments_equals_an_uninterrupted_one_bit_for_bit(job_of, first):
    """The last segment is a final training, because that keeps its weights."""
    without = job_of(folder="whole", stage="final", epochs=8.0, recipe=RECIPE)
    second = on(first, "second", 0.5)
    third = on(second, "third", stage="final")
    whole, *parts = [run_job(job) for job in (without, first, second, third)]
    assert [outcome.epochs for outcome in parts] == [2, 4, 8]
    assert result(parts[-1]) == result(whole)
    assert [result(outcome)[-1] for outcome in parts[:2]] == [result(whole)[-1][:2], result(whole)[-1][:4]]
    weights = [load_file(Path(job.folder) / "weights.safetensors") for job in (without, third)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_each_segment_has_its_own_seconds(first):
    second = on(first, "second")
    outcomes = [run_job(first), run_job(second)]
    assert all(outcome.seconds > 0 for outcome in outcomes)
    assert sum(outcome.seconds for outcome in outcomes) == pytest.approx(outcomes[-1].curve[-1]["seconds"])


@pytest.mark.parametrize("epoch", [3, 6])
def test_a_killed_segment_is_resumed_from_its_own_last_epoch(first, whole, epoch):
    run_job(first)
    second, told = on(first, "second"), []
    with pytest.raises(Killed):
        run_job(second, kill_in(epoch))
    outcome = run_job(second, told.append)
    assert [record["epoch"] for record in told] == list(range(epoch + 1, 9))
    assert result(outcome) == result(whole)
    assert outcome.cause == ""
    assert outcome.seconds < outcome.curve[-1]["seconds"]


def test_checkpoints_are_kept_until_the_training_has_been_continued(first):
    second = on(first, "second", 0.5)
    third = on(second, "third")
    run_job(first)
    assert has_checkpoint(first)
    with pytest.raises(Killed):
        run_job(second, kill_in(3))
    assert has_checkpoint(first)  # should the second's own be lost
    run_job(second)
    assert (has_checkpoint(first), has_checkpoint(second)) == (False, True)
    run_job(third)
    assert not any(map(has_checkpoint, (first, second, third)))


@pytest.mark.parametrize("lost", ["checkpoint.pt", "plan.json"])
def test_without_its_checkpoint_a_training_starts_from_scratch_and_reports_it(first, whole, lost):
    run_job(first)
    (Path(first.folder) / CHECKPOINT).unlink()
    (Path(first.folder) / lost).unlink(missing_ok=True)
    outcome = run_job(on(first, "second"))
    assert outcome.cause == TRAINED_FROM_SCRATCH
    assert result(outcome) == result(whole)
    assert outcome.seconds == pytest.approx(outcome.curve[-1]["seconds"])


def test_an_unreadable_checkpoint_counts_as_missing(first, whole):
    run_job(first)
    (Path(first.folder) / CHECKPOINT).write_bytes(b"not a checkpoint")
    outcome = run_job(on(first, "second"))
    assert (outcome.cause, result(outcome)) == (TRAINED_FROM_SCRATCH, result(whole))


def test_a_segment_that_fails_has_its_own_seconds_and_leaves_no_checkpoint(first, job_of):
    run_job(first)
    file = Path(first.folder) / CHECKPOINT
    state = load_checkpoint(file)
    state["progress"]["seconds"] += 1000
    save_checkpoint(state, file)
    second = on(first, "second", architecture=job_of(trouble="nan", after=30).architecture)  # after 30 batches
    outcome = run_job(second)
    assert (outcome.state, outcome.cause.partition(" was")[0]) == ("failed", "diverged: training loss")
    assert 2 < outcome.epochs < 8
    assert outcome.seconds < 1000 < outcome.curve[-1]["seconds"]
    assert not has_checkpoint(first)
    assert not has_checkpoint(second)


def test_the_epochs_that_fit_are_measured_once_for_the_whole_training(first, monkeypatch):
    monkeypatch.setattr(training_schedule, "_epoch_seconds", lambda *args: 0.5)
    begun = replace(first, time_goal=1000.0, epochs=6.0, share=0.5)
    assert run_job(begun).epochs == 3
    monkeypatch.setattr(training_schedule, "_epoch_seconds", lambda *args: 500.0)
    assert run_job(on(begun, "second")).epochs == 6


@pytest.mark.parametrize(
    ("epochs", "share", "last"),
    [(16.0, 1 / 16, 1), (16.0, 0.25, 4), (16.0, 1.0, 16), (10.0, 0.25, 2), (2.5, 0.1, 1), (2.5, 1.0, 2.5), (0.5, 0.1, 0.5)],
)
def test_a_share_of_a_training_is_a_whole_number_of_epochs(epochs, share, last):
    assert last_epoch(epochs, share) == last
