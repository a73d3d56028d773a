"""Language models as jobs, like all other networks: trained, interrupted, tested, saved, exported."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from archwright.architecture.architecture import Architecture
from archwright.data.load import load_problem
from archwright.data.problem_folder import open_problem, save_problem
from archwright.errors import InputError
from archwright.evaluate.full_training import trained_network
from archwright.evaluate.job import Job
from archwright.evaluate.run_job import run_job
from archwright.export.model_folder import load_model, save_model
from archwright.export.onnx_model import ExportError
from archwright.export.onnx_step import export_step
from archwright.export.predictions import write_predictions
from archwright.export.text_likelihood import sample_text, text_log_likelihoods
from archwright.ops.carried_state import begin_stream
from archwright.train.metric import metric_of
from archwright.train.trained_model import TrainedModel

VERSE = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?\n"
ARCHITECTURE = Architecture("recurrent", {"nodes": 2, "width": 12}, {"1/activation": "tanh", "2/input": 1, "2/activation": "relu"})


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    (folder / "verse.txt").write_text(VERSE * 20)
    return folder / "verse.txt"


@pytest.fixture(scope="module")
def stored(text):
    return save_problem(load_problem(text, window=10), text.parent / "data")


def job_of(stored, folder, **fields):
    given = {"key": "k", "stage": "final", "seed": 1, "epochs": 3.0, "architecture": ARCHITECTURE.to_json(), **fields}
    recipe = {"batch_size": 4, "learning_rate": 2.0, "gradient_clip": 0.25, "dropout": 0.1, **given.pop("recipe", {})}
    return Job(data=str(stored), folder=str(folder), recipe=recipe, **given)


@pytest.fixture(scope="module")
def finished(stored, tmp_path_factory):
    """A trained cell: its job, outcome and data, and its model folder."""
    job = job_of(stored, tmp_path_factory.mktemp("job"), epochs=8.0)
    outcome, data = run_job(job), open_problem(stored)
    folder = Path(job.folder) / "model"
    notes = save_model(folder, trained_network(job, data.problem), ARCHITECTURE, data.problem, data.preprocessing)
    assert notes == []
    return job, outcome, data, folder


def test_a_cell_learns_and_its_metric_agrees_with_its_loss(finished):
    _, outcome, data, _ = finished
    assert outcome.state == "complete", outcome.cause
    first, last = outcome.curve[0], outcome.curve[-1]
    assert last["val_bits_per_character"] < first["val_bits_per_character"]
    for record in outcome.curve:
        assert record["val_bits_per_character"] == pytest.approx(record["val_loss"] / np.log(2), abs=1e-5)
    assert outcome.metrics["bits_per_character"] == min(record["val_bits_per_character"] for record in outcome.curve)
    assert outcome.test < np.log2(data.problem.outputs)
    assert outcome.macs > 0
    assert outcome.latency_ms > 0


def test_the_log_likelihoods_of_all_test_tokens_are_stored(finished, tmp_path):
    job, outcome, data, _ = finished
    with np.load(Path(job.folder) / "test.npz") as kept:
        assert kept["prediction"].shape == kept["target"].shape == (data.problem.n_test, 10)
        assert -kept["prediction"].astype(float).mean() / np.log(2) == pytest.approx(outcome.test, abs=1e-5)
        assert np.array_equal(kept["target"], data.test.open("test", tmp_path / "log").y)


@pytest.mark.parametrize("optimizer", ["sgd", "nt_asgd"])
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(stored, tmp_path, optimizer):
    class Killed(BaseException):
        pass

    def kill(record):
        if record["epoch"] == 3:
            raise Killed

    recipe = {"optimizer": optimizer, "averaging_interval": 0}
    whole = run_job(job_of(stored, tmp_path / "whole", epochs=4.5, recipe=recipe))
    parts = job_of(stored, tmp_path / "parts", epochs=4.5, recipe=recipe)
    with pytest.raises(Killed):
        run_job(parts, kill)
    resumed = run_job(parts)
    assert resumed.epochs == whole.epochs == pytest.approx(4.5, abs=0.1)
    assert [r["val_loss"] for r in resumed.curve] == [r["val_loss"] for r in whole.curve]
    assert resumed.test == whole.test


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_text_baselines_are_trained_in_the_same_way(stored, tmp_path, name):
    job = job_of(
        stored, tmp_path / "b", stage="baseline", architecture=None, baseline=name, baseline_parameters=1500, time_goal=0.5
    )
    outcome = run_job(job)
    assert outcome.state == "complete", outcome.cause
    assert outcome.test > 0
    assert abs(outcome.parameters - 1500) < 200


def test_a_random_forest_or_a_resnet_is_refused_in_one_sentence(stored, tmp_path):
    outcome = run_job(job_of(stored, tmp_path / "b", stage="baseline", architecture=None, baseline="resnet18"))
    assert outcome.state == "failed"
    assert "baseline 'resnet18' does not support text such as verse: choose from lstm, gru" in outcome.cause


def test_a_reloaded_model_reproduces_the_test_metric(finished, tmp_path):
    _, outcome, data, folder = finished
    test = data.test.open("test", tmp_path / "log")
    model = load_model(folder)
    assert (model.problem.level, model.problem.names) == ("character", data.problem.names)
    tokens = np.append(test.x.reshape(-1), test.y[-1, -1])
    likelihoods = text_log_likelihoods(model, tokens)
    assert metric_of(torch.from_numpy(likelihoods), torch.zeros(1), "bits_per_character") == pytest.approx(outcome.test, abs=1e-4)


def test_a_partial_last_window_continues_from_the_window_before(finished):
    """A text of one stream, compared with the whole text in one pass."""
    model = load_model(finished[3])
    tokens = np.random.default_rng(0).integers(1, model.problem.outputs, 17)
    begin_stream(model)
    with torch.inference_mode():
        whole = model(torch.from_numpy(tokens[:-1])[None]).log_softmax(dim=-1)[0]
    expected = whole.gather(1, torch.from_numpy(tokens[1:])[:, None])[:, 0].numpy()
    assert np.allclose(text_log_likelihoods(model, tokens), expected, atol=1e-5)


def test_the_exported_step_equals_the_model_step_by_step(finished):
    model = load_model(finished[3])
    session = onnxruntime.InferenceSession(finished[3] / "model.onnx")
    assert [part.name for part in session.get_inputs()] == ["token", "state_0"]
    assert [part.name for part in session.get_outputs()] == ["logits", "next_state_0"]
    tokens = np.random.default_rng(1).integers(0, model.problem.outputs, (5, 4))
    begin_stream(model)
    with torch.inference_mode():
        expected = model(torch.from_numpy(tokens)).numpy()
    state = np.zeros((5, 12), np.float32)
    for i in range(4):
        logits, state = session.run(None, {"token": tokens[:, i], "state_0": state})
        assert np.allclose(logits, expected[:, i], atol=1e-4)


def test_an_lstm_is_exported_with_both_of_its_states(stored, tmp_path):
    job = job_of(stored, tmp_path / "b", stage="baseline", architecture=None, baseline="lstm", baseline_parameters=800, epochs=1.0)
    run_job(job)
    data = open_problem(stored)
    model = TrainedModel(trained_network(job, data.problem), data.problem, data.preprocessing).eval()
    export_step(model, tmp_path / "lstm.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "lstm.onnx")
    assert [part.name for part in session.get_inputs()] == ["token", "state_0", "state_1"]


def test_a_network_without_steps_is_not_exported(stored, tmp_path):
    data = open_problem(stored)
    with pytest.raises(ExportError, match="Embedding is not a LanguageModel"):
        export_step(TrainedModel(torch.nn.Embedding(9, 9), data.problem, data.preprocessing), tmp_path / "no.onnx")


def test_predictions_of_a_text_are_the_probabilities_of_its_tokens(finished, text, tmp_path):
    _, _, data, folder = finished
    (tmp_path / "new.txt").write_text(VERSE + "~")
    written = write_predictions(folder, tmp_path / "new.txt", tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert written.count == len(rows) == len(VERSE)
    assert "".join(row["token"] for row in rows) == VERSE[1:] + "<unk>"
    bits = -np.mean([float(row["log_probability"]) for row in rows]) / np.log(2)
    assert (written.metric, written.value) == ("bits_per_character", pytest.approx(bits, abs=1e-5))
    write_predictions(folder, text, tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as arrays:
        assert set(arrays) == {"index", "token", "log_probability"}
        assert arrays["token"].max() < data.problem.outputs


def test_numbers_are_not_accepted_as_text(finished, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 3)), y=np.zeros(4))
    with pytest.raises(InputError, match=r"is not a text, which a language model needs: give a \.txt file"):
        write_predictions(finished[3], tmp_path / "x.npz", tmp_path / "p.csv")


def test_a_sample_is_reproducible_and_has_no_unknown_tokens(finished):
    model = load_model(finished[3])
    one, again, other = (sample_text(model, seed) for seed in (0, 0, 1))
    assert one == again != other
    assert len(one) == 600
    assert set(one) <= set(VERSE)


def test_a_level_that_does_not_suit_the_task_is_reported_as_damage(finished, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(finished[3], folder)
    described = json.loads((folder / "architecture.json").read_text())
    described["output"]["level"] = None
    (folder / "architecture.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"architecture\.json is damaged .*does not allow level None"):
        load_model(folder)
