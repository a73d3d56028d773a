"""A network trained by several processes together: it equals that of one process, and each has its own random numbers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archwright.data.load import load_problem
from archwright.data.problem_folder import save_problem
from archwright.evaluate.job import Job
from archwright.evaluate.run_job import run_job

VERSE = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?\n"
EXACT = {"precision": "32", "augmentation": "none"}


class Killed(BaseException):
    """Like `kill -9`: cannot be caught as an Exception."""


def one_of_two(process_group, job, killed_after=None):
    """Runs in one of two processes: `run_job`, until it is killed at the end of an epoch."""

    def on_epoch(record):
        if record["epoch"] == killed_after:
            raise Killed

    try:
        return run_job(job, on_epoch).to_json()
    except Killed:
        return None


def assert_equal(job, outcome, other_job, other):
    """Compares curve, metrics, test metric and weights, to 1e-4."""
    assert other["state"] == outcome.state == "complete", other["cause"]
    for theirs, own in zip(other["curve"], outcome.curve, strict=True):
        assert {**theirs, "seconds": 0.0} == pytest.approx({**own, "seconds": 0.0}, rel=1e-4, abs=1e-4)
    assert other["test"] == pytest.approx(outcome.test, abs=1e-4)
    weights, expected = (load_file(Path(each.folder) / "weights.safetensors") for each in (other_job, job))
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-4)


def names_in(job):
    return {path.name for path in Path(job.folder).iterdir()}


ADAM = {"optimizer": "adamw", "learning_rate": 0.002, "label_smoothing": 0.1}
CLIPPED = {"learning_rate": 0.02, "gradient_clip": 0.5}
"""Adam would take full steps along gradients that are only rounding errors, those of biases before a BatchNorm."""


@pytest.mark.parametrize("batch_size", [16, 15], ids=["even", "uneven"])
@pytest.mark.parametrize(("task", "own"), [("classification", ADAM), ("regression", CLIPPED)])
def test_two_processes_train_the_same_network_as_one(task, own, batch_size, job_of, in_two_processes):
    recipe = {**EXACT, **own, "batch_size": batch_size}
    baseline = "resnet-tiny"
    one = job_of(task, folder="one", stage="baseline", baseline=baseline, recipe=recipe)
    two = replace(one, folder=one.folder + "/../two", devices=2)
    outcome = run_job(one)
    leading, other = in_two_processes(one_of_two, two)
    assert_equal(one, outcome, two, leading)
    assert other["test"] is None  # it is read once
    assert leading["peak_memory_mb"] > 1.5 * other["peak_memory_mb"] / 2
    assert names_in(two) == names_in(one)


@pytest.fixture(scope="module")
def stored_text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    (folder / "verse.txt").write_text(VERSE * 20)
    return save_problem(load_problem(folder / "verse.txt", window=10), folder / "data")


def test_the_streams_of_a_text_are_divided_among_processes(stored_text, tmp_path, in_two_processes):
    recipe = {**EXACT, "batch_size": 5, "learning_rate": 2.0, "gradient_clip": 0.25}
    one = Job("k", "baseline", str(stored_text), str(tmp_path / "one"), 1, 2.0, baseline="lstm", recipe=recipe)
    two = replace(one, folder=str(tmp_path / "two"), devices=2)
    assert_equal(one, run_job(one), two, in_two_processes(one_of_two, two)[0])


def test_a_killed_training_ends_like_an_uninterrupted_one(job_of, in_two_processes):
    """Each process draws random numbers for dropout and for crops of the images."""
    recipe = {"precision": "32", "augmentation": "crop", "batch_size": 16, "learning_rate": 0.02}
    whole = job_of(folder="whole", stage="final", epochs=3.0, recipe=recipe, devices=2)
    broken = replace(whole, folder=whole.folder + "/../broken")
    expected = in_two_processes(one_of_two, whole)[0]
    assert in_two_processes(one_of_two, broken, 2.0) == [None, None]
    assert "checkpoint.pt" in names_in(broken)
    found = in_two_processes(one_of_two, broken)[0]
    timeless = [[{**record, "seconds": 0.0} for record in each["curve"]] for each in (found, expected)]
    assert timeless[0] == timeless[1]
    weights = [load_file(Path(job.folder) / "weights.safetensors") for job in (broken, whole)]
    torch.testing.assert_close(*weights, rtol=0.0, atol=0.0)


def test_one_process_can_resume_what_two_began(job_of, in_two_processes):
    begun = job_of(stage="final", epochs=3.0, devices=2)
    in_two_processes(one_of_two, begun, 2.0)
    outcome = run_job(replace(begun, devices=1))
    assert [record["epoch"] for record in outcome.curve] == [1.0, 2.0, 3.0]


def test_processes_measure_epochs_together_and_share_one_schedule(job_of, in_two_processes):
    job = job_of(stage="final", epochs=500.0, time_goal=1.5, devices=2)
    first, second = in_two_processes(one_of_two, job)
    assert first["state"] == second["state"] == "complete", first["cause"]
    assert 1 <= first["epochs"] == second["epochs"] < 500
    assert first["seconds_per_epoch"] == pytest.approx(second["seconds_per_epoch"], rel=0.2)


def test_a_batch_that_cannot_be_divided_is_a_failure_without_a_result_file(job_of, in_two_processes):
    job = job_of(stage="final", recipe={"batch_size": 1}, devices=2)
    for outcome in in_two_processes(one_of_two, job):
        assert outcome["state"] == "failed"
        assert "batch of 1 row cannot be divided among 2 processes" in outcome["cause"]
    assert "result.json" not in names_in(job)  # of which process the failure is the cause, their supervisor tells


def test_the_memory_needed_is_summed_over_all_processes(job_of, in_two_processes):
    job = job_of(stage="final", width=1024, memory_limit=1.0, devices=2)
    for outcome in in_two_processes(one_of_two, job):
        assert outcome["state"] == "refused"
    assert "result.json" in names_in(job)
    assert np.isfinite(float(outcome["cause"].split(" MB")[0].split()[-1]))
    shutil.rmtree(job.folder)


def test_processes_train_together_in_lower_precision_too(job_of, in_two_processes):
    recipe = {**EXACT, "precision": "bf16", "batch_size": 15, "learning_rate": 0.02}
    one = job_of(folder="one", stage="baseline", baseline="resnet-tiny", recipe=recipe)
    two = replace(one, folder=one.folder + "/../two", devices=2)
    outcome, other = run_job(one), in_two_processes(one_of_two, two)[0]
    assert other["precision"] == "bfloat16+channels_last"
    losses = [[record["train_loss"] for record in curve] for curve in (other["curve"], outcome.curve)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
