import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archwright.data.problem_folder import open_problem
from archwright.evaluate import full_training, read_test_split, training_schedule
from archwright.evaluate import run_job as run_job_module
from archwright.evaluate import train_job as train_job_module
from archwright.evaluate.job import Job, Outcome, written_outcome
from archwright.evaluate.run_job import run_job
from archwright.train.metric import metric_of


class Killed(BaseException):
    """Like `kill -9`: cannot be caught as an Exception."""


def kill_after(epoch):
    def on_epoch(record):
        if record["epoch"] >= epoch:
            raise Killed

    return on_epoch


def names_in(job):
    return {path.name for path in Path(job.folder).iterdir()}


def without_times(outcome):
    timeless = {
        "seconds": 0.0,
        "seconds_per_epoch": None,
        "peak_memory_mb": None,
        "latency_ms": None,
        "predict_seconds": None,
        "worker": "",
    }
    curve = tuple({key: value for key, value in record.items() if key != "seconds"} for record in outcome.curve)
    return replace(outcome, curve=curve, **timeless)


def test_the_function_for_a_supernet_job_is_found_by_its_stage(job_of, monkeypatch):
    """One-shot methods must not be imported by `evaluate`: their jobs name them."""
    found = ({"architecture": {"space": "cell", "settings": {}, "answers": {}}, "score": 0.5, "epoch": 2.0},)

    def train_supernet(job, data, facts, on_epoch):
        on_epoch({"epoch": 1.0})
        return Outcome("complete", metrics={data.problem.metric: 0.25}, found=found)

    module = ModuleType("one_shot_of_the_tests")
    module.train_supernet = train_supernet
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(train_job_module.SHARED_WEIGHTS, "supernet", f"{module.__name__}:train_supernet")
    told = []
    job = job_of(stage="supernet", architecture=None, supernet={"method": "darts"})
    outcome = run_job(job, told.append)
    assert (outcome.state, outcome.metrics, outcome.found, told) == ("complete", {"accuracy": 0.25}, found, [{"epoch": 1.0}])
    assert written_outcome(job) == outcome
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_a_search_job_is_scored_on_validation_and_does_not_open_the_test_split(job_of, any_task, test_log):
    before = len(test_log(any_task))
    job, told = job_of(any_task, epochs=3.0), []
    outcome = run_job(job, told.append)
    metric = open_problem(job.data).problem.metric
    assert outcome.state == "complete"
    assert set(outcome.metrics) == {metric, "loss"} | ({"rmse"} if any_task == "regression" else set())
    assert outcome.metrics[metric] == max(record[f"val_{metric}"] for record in outcome.curve)
    assert list(outcome.curve) == told
    assert [record["epoch"] for record in told] == [1, 2, 3]
    assert outcome.epochs == 3.0
    assert outcome.parameters > 0
    assert outcome.macs > 0
    assert outcome.peak_memory_mb > 10
    assert outcome.latency_ms > 0
    assert outcome.precision == "float32" or outcome.precision == "float32+channels_last"
    assert outcome.test is None
    assert len(test_log(any_task)) == before
    assert written_outcome(job) == outcome
    assert "checkpoint.pt" not in names_in(job)


def test_a_final_job_reads_the_test_split_once_and_keeps_weights_and_predictions(job_of, any_task, test_log):
    before = len(test_log(any_task))
    job = job_of(any_task, stage="final", key="abc", epochs=3.0)
    outcome = run_job(job)
    new = test_log(any_task)[before:]
    assert [json.loads(line)["reason"] for line in new] == ["final abc, seed 1"]
    data = open_problem(job.data)
    with np.load(Path(job.folder) / "test.npz") as kept:
        prediction, target, index = kept["prediction"], kept["target"], kept["index"]
    assert len(prediction) == len(target) == len(index) == data.problem.n_test
    assert outcome.test == metric_of(torch.from_numpy(prediction), torch.from_numpy(target), data.problem.metric)
    assert outcome.predict_seconds > 0
    assert set(load_file(Path(job.folder) / "weights.safetensors")) == set(
        full_training.build_network(job, data.problem).state_dict()
    )


def test_a_network_learns_a_learnable_problem(job_of, any_task):
    outcome = run_job(job_of(any_task, stage="final", epochs=15.0, width=1024, recipe={"learning_rate": 0.03}))
    assert outcome.metrics[open_problem(job_of(any_task).data).problem.metric] > 0.8
    assert outcome.test > 0.8


def test_the_kept_weights_are_those_of_the_best_validation_epoch(job_of):
    job = job_of(stage="final", epochs=4.0, recipe={"learning_rate": 3.0, "warmup": 0.0})
    outcome = run_job(job)
    data = open_problem(job.data)
    network = full_training.trained_network(job, data.problem)
    rows = full_training.Rows(data.val, data.problem, data.preprocessing, torch.device("cpu"), False)
    assert full_training.validate(network, rows, data) == pytest.approx(dict(outcome.metrics), rel=1e-5)


def test_the_same_job_gives_the_same_outcome_and_another_seed_another(job_of):
    outcomes = [without_times(run_job(job_of(folder=folder, seed=seed))) for folder, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].curve != outcomes[2].curve


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_job_is_resumed_and_ends_like_an_uninterrupted_one(job_of, killed_after):
    recipe = {"augmentation": "crop+flip+cutout", "patience": 3}
    whole = job_of(folder="whole", stage="final", epochs=4.0, recipe=recipe)
    expected = run_job(whole)
    parts = replace(whole, folder=whole.folder.replace("whole", "parts"))
    with pytest.raises(Killed):
        run_job(parts, kill_after(killed_after))
    torch.manual_seed(12345)
    told = []
    outcome = run_job(parts, told.append)
    assert len(told) == 4 - killed_after
    assert without_times(outcome) == without_times(expected)
    files = [load_file(Path(job.folder) / "weights.safetensors") for job in (whole, parts)]
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])


def test_a_finished_job_is_not_repeated(job_of, monkeypatch):
    job = job_of()
    outcome = run_job(job)
    monkeypatch.setattr(train_job_module, "train_network", lambda *args: pytest.fail("trained again"))
    assert run_job(job) == outcome


def test_a_job_killed_after_its_predictions_does_not_open_the_test_split_again(job_of, test_log, monkeypatch):
    job = job_of(stage="final")

    def kill(*args, **arrays):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(run_job_module, "_write_result", kill)
        with pytest.raises(Killed):
            run_job(job)
    lines = len(test_log())
    outcome = run_job(job)
    assert outcome.test is not None
    assert len(test_log()) == lines


def test_a_job_killed_during_prediction_logs_that_it_opens_the_split_again(job_of, test_log, monkeypatch):
    job = job_of(stage="final")

    def kill(*args, **arrays):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(read_test_split.np, "savez", kill)
        with pytest.raises(Killed):
            run_job(job)
    run_job(job)
    assert [json.loads(line)["reason"] for line in test_log()[-2:]] == [
        "final tiny, seed 1",
        "final tiny, seed 1, again after a kill",
    ]


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [("nan", "diverged: training loss was nan in epoch 2"), ("memory", "out of memory: "), ("error", "KeyError: ")],
)
def test_an_error_in_the_training_is_a_result_with_its_cause(job_of, trouble, cause):
    job = job_of(trouble=trouble, after=12, epochs=3.0)
    outcome = run_job(job)
    assert outcome.state == "failed"
    assert outcome.cause.startswith(cause)
    assert not outcome.machine_fault
    assert [record["epoch"] for record in outcome.curve] == [1]
    assert outcome.seconds > 0
    assert outcome.parameters > 0
    assert written_outcome(job) == outcome
    if trouble == "error":
        assert "conftest.py:" in outcome.cause


def test_a_time_limit_ends_the_training(job_of):
    outcome = run_job(job_of(epochs=10_000.0, time_limit=0.3))
    assert outcome.state == "failed"
    assert outcome.cause == "timed out after 0.3 s"
    assert outcome.seconds >= 0.3


def test_a_machine_fault_is_not_a_result(job_of, monkeypatch):
    job = job_of()

    def stale(*args):
        raise OSError("stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(train_job_module, "open_problem", stale)
        outcome = run_job(job)
    assert (outcome.state, outcome.machine_fault) == ("failed", True)
    assert written_outcome(job) is None
    assert run_job(job).state == "complete"


def test_a_result_that_cannot_be_written_is_a_machine_fault(job_of, monkeypatch):
    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    job = job_of()
    monkeypatch.setattr(run_job_module.json, "dumps", full_disk)
    outcome = run_job(job)
    assert (outcome.state, outcome.machine_fault) == ("failed", True)
    assert "No space left" in outcome.cause


@pytest.mark.parametrize(("recipe", "cause"), [({"optimiser": "sgd"}, "optimizer"), ({"augmentation": "crops"}, "cutout")])
def test_an_error_in_the_recipe_is_named(job_of, recipe, cause):
    outcome = run_job(job_of(recipe=recipe))
    assert outcome.state == "failed"
    assert cause in outcome.cause


def test_an_epoch_that_would_take_too_long_is_refused_before_training(job_of):
    outcome = run_job(job_of(epoch_seconds_limit=1e-6))
    assert outcome.state == "refused"
    assert "an epoch would take" in outcome.cause
    assert outcome.curve == ()
    assert outcome.parameters > 0


def test_a_network_that_needs_too_much_memory_is_refused_before_training(job_of):
    outcome = run_job(job_of(width=1024, memory_limit=0.5))
    assert outcome.state == "refused"
    assert "the limit is 0 MB" in outcome.cause or "the limit is 1 MB" in outcome.cause
    assert run_job(job_of(folder="other", memory_limit=4000.0)).state == "complete"


def test_a_probe_measures_and_does_not_train(job_of):
    outcome = run_job(job_of(stage="probe"))
    assert outcome.state == "complete"
    assert outcome.seconds_per_epoch > 0
    assert outcome.macs > 0
    assert outcome.curve == ()


@pytest.mark.parametrize(("goal", "epochs"), [(10.0, 5.0), (100.0, 8.0), (1.0, 0.5), (0.01, 0.3)])
def test_as_many_epochs_as_fit_into_the_time_are_trained(job_of, monkeypatch, goal, epochs):
    monkeypatch.setattr(training_schedule, "_epoch_seconds", lambda *args: 2.0)
    monkeypatch.setattr(training_schedule.time, "perf_counter", lambda: 0.0)
    job = job_of(time_goal=goal, epochs=8.0, least_epochs=0.3)
    assert training_schedule.make_schedule(*planning(job)).epochs == epochs


def planning(job):
    data = open_problem(job.data)
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    return job, full_training.Recipe(batch_size=16), full_training.build_network(job, data.problem), data, torch.device("cpu")


def test_measuring_does_not_change_the_training(job_of):
    plain = run_job(job_of(folder="plain"))
    measured = run_job(job_of(folder="measured", epoch_seconds_limit=1000.0))
    assert without_times(measured) == without_times(plain)


def test_a_resumed_job_keeps_its_schedule(job_of, monkeypatch):
    arguments = planning(job_of(time_goal=3.0, epochs=9.0))
    monkeypatch.setattr(training_schedule, "_epoch_seconds", lambda *args: 0.5)
    first = training_schedule.make_schedule(*arguments)
    monkeypatch.setattr(training_schedule, "_epoch_seconds", lambda *args: 0.1)
    assert training_schedule.make_schedule(*arguments) == first


def test_precision_is_measured_if_requested(job_of):
    outcome = run_job(job_of(recipe={"precision": "measure"}))
    assert outcome.state == "complete"
    assert outcome.precision.partition("+")[0] in ("float32", "bfloat16")


def test_lower_precision_is_used_only_for_training(job_of, monkeypatch):
    seen = []
    validate = full_training.validate

    def spy(network, rows, data, process_group):
        handle = network[2].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        result = validate(network, rows, data, process_group)
        handle.remove()
        return result

    monkeypatch.setattr(full_training, "validate", spy)
    outcome = run_job(job_of(recipe={"precision": "bf16"}))
    assert outcome.precision == "bfloat16+channels_last"
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize("epochs", [0.25, 1.5])
def test_epochs_may_be_fractional(job_of, epochs):
    outcome = run_job(job_of(epochs=epochs))
    assert outcome.epochs == pytest.approx(epochs, abs=0.1)


def test_a_full_disk_while_training_is_noted_and_does_not_end_it(job_of, small_disk):
    (small_disk.path / "job").mkdir()
    small_disk.fill(kilobytes_left=16)
    job = job_of(width=1024)
    outcome = run_job(replace(job, folder=str(small_disk.path / "job")))
    assert outcome.state == "complete"
    assert "checkpoints could not be written (No space left" in outcome.cause
    assert {path.name for path in (small_disk.path / "job").iterdir()} == {"plan.json", "result.json"}


def test_a_job_for_a_baseline_trains_it(job_of):
    outcome = run_job(job_of(baseline="resnet-tiny", stage="baseline", epochs=1.0))
    assert outcome.state == "complete"
    assert outcome.test is not None
    assert outcome.macs > 10_000


def test_outcomes_travel_as_json(job_of):
    outcome = run_job(job_of(stage="final"))
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json(), allow_nan=False))) == outcome
