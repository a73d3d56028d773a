import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from archwright.architecture.architecture import Architecture
from archwright.data.problem_folder import open_problem
from archwright.errors import InputError
from archwright.evaluate.full_training import trained_network
from archwright.evaluate.run_job import run_job
from archwright.export.model_folder import load_model, save_model
from archwright.export.onnx_model import ExportError, export_onnx
from archwright.train.metric import decide, metric_of
from archwright.train.trained_model import TrainedModel, predict


@pytest.fixture
def saved(job_of, tmp_path):
    """A trained network for each task in a model folder, with the outcome of its job."""

    def save(task, **settings):
        job = job_of(task, stage="final", epochs=2.0, **settings)
        outcome, data = run_job(job), open_problem(job.data)
        folder = tmp_path / "model"
        notes = save_model(
            folder, trained_network(job, data.problem), Architecture.from_json(job.architecture), data.problem, data.preprocessing
        )
        return folder, outcome, data, notes

    return save


def test_a_reloaded_model_reproduces_the_test_metric_and_so_does_the_onnx_file(saved, any_task, tmp_path, capfd):
    folder, outcome, data, notes = saved(any_task)
    assert notes == []
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in folder.iterdir()} == {
        "weights.safetensors",
        "architecture.json",
        "preprocessing.json",
        "model.onnx",
    }
    test = data.test.open("a test", tmp_path / "log")
    model = load_model(folder)
    output = predict(model, test.x)
    assert metric_of(decide(torch.from_numpy(output), any_task), torch.from_numpy(test.y), data.problem.metric) == outcome.test
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    raw = test.x.astype(np.float32)
    given = session.run(None, {"input": raw})
    scale = max(1.0, np.abs(output).max())
    assert np.abs(given[0] - output).max() < 1e-4 * scale
    assert [o.name for o in session.get_outputs()] == ["output"] + ["probabilities"] * (any_task != "regression")
    if any_task == "classification":
        assert np.allclose(given[1], torch.from_numpy(output).softmax(1), atol=1e-4)
    if any_task == "multi_label":
        assert np.allclose(given[1], torch.from_numpy(output).sigmoid(), atol=1e-4)
    assert len(session.run(None, {"input": raw[:1]})[0]) == 1
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    assert all(tensor.data_location != onnx.TensorProto.EXTERNAL for tensor in graph.initializer)


def small(tmp_path, problem_data, network=None):
    """A model folder, without the time-consuming export."""
    architecture = Architecture("tiny_space_of_the_tests:Tiny", {"trouble": "", "after": 0}, {"width": 4})
    module = network or nn.Sequential()
    save_model(tmp_path / "model", module, architecture, problem_data.problem, problem_data.preprocessing)
    return tmp_path / "model"


@pytest.fixture
def no_export(monkeypatch):
    def unable(model, file):
        raise ExportError("no")

    monkeypatch.setattr("archwright.export.model_folder.export_onnx", unable)


@pytest.fixture
def folder(no_export, stored, tiny_space, tmp_path):
    data = open_problem(stored("regression"))
    return small(tmp_path, data, tiny_space().build(4, data.problem))


def test_the_descriptions_have_the_documented_form(folder, stored):
    described = json.loads((folder / "architecture.json").read_text())
    problem = open_problem(stored("regression")).problem
    assert set(described) == {"space", "settings", "answers", "input_shape", "output"}
    assert described["input_shape"] == [6]
    assert described["output"] == {"task": "regression", "outputs": 2, "names": list(problem.names)}
    model = load_model(folder)
    assert (model.problem.task, model.problem.inputs) == ("regression", problem.inputs)


def test_a_network_that_cannot_be_exported_is_saved_without_its_graph(no_export, stored, tiny_space, tmp_path):
    data = open_problem(stored("regression"))
    architecture = Architecture("tiny_space_of_the_tests:Tiny", {"trouble": "", "after": 0}, {"width": 4})
    notes = save_model(tmp_path / "m", tiny_space().build(4, data.problem), architecture, data.problem, data.preprocessing)
    assert notes == ["model.onnx was left out: no"]
    assert load_model(tmp_path / "m").problem.outputs == 2


class Unexportable(nn.Module):
    def forward(self, x):
        return x[:, :2] if float(x.sum()) > 0 else x[:, 1:3]


class TwoFaced(nn.Module):
    """Computes something else while it is exported."""

    def forward(self, x):
        return x[:, :2] + (1.0 if torch.compiler.is_exporting() else 0.0)


@pytest.mark.parametrize(("network", "reason"), [(Unexportable(), "could not be exported"), (TwoFaced(), "differs from the model")])
def test_a_failed_or_different_export_is_reported(network, reason, stored, tmp_path):
    data = open_problem(stored("regression"))
    with pytest.raises(ExportError, match=reason):
        export_onnx(TrainedModel(network, data.problem, data.preprocessing).eval(), tmp_path / "model.onnx")


def test_a_model_replaces_the_one_before_it(folder, tiny_space, stored, tmp_path):
    (folder / "left-over.txt").write_text("old")
    data = open_problem(stored("regression"))
    again = small(tmp_path, data, tiny_space().build(4, data.problem))
    assert again == folder
    assert {path.name for path in folder.iterdir()} == {"weights.safetensors", "architecture.json", "preprocessing.json"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_failing_save_leaves_the_old_model(folder, monkeypatch, stored, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archwright.export.model_folder.write_weights", full_disk)
    with pytest.raises(OSError, match="No space"):
        small(tmp_path, open_problem(stored("regression")))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["weights.safetensors", "architecture.json", "preprocessing.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name} is missing"):
        load_model(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "architecture.json", "preprocessing.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        load_model(folder)


@pytest.mark.parametrize(("part", "value"), [("task", "sorting"), ("outputs", "two"), ("names", None)])
def test_a_wrong_description_is_named(folder, part, value):
    described = json.loads((folder / "architecture.json").read_text())
    described["output"][part] = value
    (folder / "architecture.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"architecture\.json is damaged"):
        load_model(folder)


def test_weights_of_another_architecture_are_refused(folder):
    described = json.loads((folder / "architecture.json").read_text())
    described["answers"]["width"] = 8
    (folder / "architecture.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="same run"):
        load_model(folder)


def test_preprocessing_of_other_data_is_refused(folder):
    prepared = json.loads((folder / "preprocessing.json").read_text())
    (folder / "preprocessing.json").write_text(json.dumps({**prepared, "target_mean": None, "target_std": None}))
    with pytest.raises(InputError, match="regression"):
        load_model(folder)
    (folder / "preprocessing.json").write_text(json.dumps({**prepared, "input_mean": [0.0]}))
    with pytest.raises(InputError, match="6 channels or features"):
        load_model(folder)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load_model(tmp_path / "nowhere")
    shutil.rmtree(tmp_path)
