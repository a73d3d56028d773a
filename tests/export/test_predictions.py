"""Predictions as `archwright predict` writes them: in row order, for every task, as a table and as arrays."""

import csv

import numpy as np
import pytest
import torch

from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.errors import InputError
from archwright.export import model_folder
from archwright.export.model_folder import load_model, save_model
from archwright.export.onnx_model import ExportError
from archwright.export.predictions import write_predictions
from archwright.search_space.chain import Chain


def read(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of untrained models, one for each task, and the features of forty rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)).astype(np.float32)
    targets = {
        "classification": np.array(["ash", "oak", "elm"])[np.arange(40) % 3],
        "multi_label": (rng.random((40, 2)) < 0.5).astype(int),
        "regression": 1000 + 10 * rng.normal(size=(40, 2)),
        "one": 100 + 10 * x[:, 0],
    }
    folders = {}
    for name, y in targets.items():
        data = load_problem(Arrays(x=x, y=y, layout="flat"), task="regression" if name == "one" else name)
        space = Chain(width=8).for_problem(data.problem)
        architecture = next(space.enumerate())
        network = space.network(architecture, data.problem)
        torch.manual_seed(1)
        for parameter in network.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.5)
        folders[name] = tmp_path_factory.mktemp(name) / "model"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model_folder, "export_onnx", no_export)
            save_model(folders[name], network, architecture, data.problem, data.preprocessing)
    return folders, x


def no_export(model, file):
    """Skip the export, which takes a second and whose file no test here reads."""
    raise ExportError("not wanted")


def outputs(saved, name):
    folders, x = saved
    with torch.inference_mode():
        return load_model(folders[name])(torch.from_numpy(x))


def test_classes_are_written_by_name_with_their_probabilities(saved, tmp_path):
    folders, x = saved
    assert write_predictions(folders["classification"], Arrays(x=x, layout="flat"), tmp_path / "p.csv").count == 40
    rows = read(tmp_path / "p.csv")
    assert list(rows[0]) == ["index", "prediction", "p_ash", "p_elm", "p_oak"]
    assert [int(row["index"]) for row in rows] == list(range(40))
    chances = np.array([[float(row[f"p_{name}"]) for name in ("ash", "elm", "oak")] for row in rows])
    assert np.allclose(chances, outputs(saved, "classification").softmax(1).numpy(), atol=1e-6)
    assert [row["prediction"] for row in rows] == [("ash", "elm", "oak")[i] for i in chances.argmax(1)]
    assert np.ptp(chances, axis=0).min() > 0.05


def test_each_label_has_a_column(saved, tmp_path):
    folders, x = saved
    write_predictions(folders["multi_label"], Arrays(x=x, layout="flat"), tmp_path / "p.csv")
    rows = read(tmp_path / "p.csv")
    names = list(rows[0])
    assert names[0] == "index"
    assert [name.rsplit("_", 1)[0].split("_")[0] for name in names[1:]] == ["prediction", "prediction", "p", "p"]
    chances = outputs(saved, "multi_label").sigmoid().numpy()
    assert np.array([[int(row[name]) for name in names[1:3]] for row in rows]).tolist() == (chances > 0.5).astype(int).tolist()


def test_amounts_are_in_their_original_units(saved, tmp_path):
    folders, x = saved
    write_predictions(folders["regression"], Arrays(x=x, layout="flat"), tmp_path / "p.csv")
    rows = read(tmp_path / "p.csv")
    values = np.array([[float(value) for name, value in row.items() if name != "index"] for row in rows])
    assert np.allclose(values, outputs(saved, "regression").numpy(), rtol=1e-5)
    assert 900 < values.mean() < 1100
    write_predictions(folders["one"], Arrays(x=x, layout="flat"), tmp_path / "one.csv")
    assert list(read(tmp_path / "one.csv")[0]) == ["index", "prediction"]


def test_arrays_hold_the_same(saved, tmp_path):
    folders, x = saved
    write_predictions(folders["classification"], Arrays(x=x, layout="flat"), tmp_path / "new" / "p.npz")
    with np.load(tmp_path / "new" / "p.npz") as arrays:
        assert sorted(arrays) == ["index", "prediction", "probabilities"]
        assert arrays["prediction"].tolist() == arrays["probabilities"].argmax(1).tolist()
        assert np.allclose(arrays["probabilities"].sum(1), 1, atol=1e-6)
    write_predictions(folders["regression"], Arrays(x=x, layout="flat"), tmp_path / "amounts.npz")
    with np.load(tmp_path / "amounts.npz") as arrays:
        assert sorted(arrays) == ["index", "prediction"]
        assert arrays["prediction"].shape == (40, 2)


def test_a_repeated_run_replaces_the_whole_file(saved, tmp_path):
    folders, x = saved
    for rows in (40, 7):
        write_predictions(folders["one"], Arrays(x=x[:rows], layout="flat"), tmp_path / "p.csv")
    assert len(read(tmp_path / "p.csv")) == 7
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.parametrize("name", ["p.txt", "p", "p.csv.gz"])
def test_another_ending_is_refused_before_anything_is_predicted(saved, tmp_path, name):
    folders, x = saved
    with pytest.raises(InputError, match=r"ends in \.csv or \.npz"):
        write_predictions(folders["one"], Arrays(x=x), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_another_shape_are_refused(saved, tmp_path):
    folders, x = saved
    with pytest.raises(InputError, match=r"\(4,\).*\(5,\)"):
        write_predictions(folders["one"], Arrays(x=x[:, :4], layout="flat"), tmp_path / "p.csv")
    assert list(tmp_path.iterdir()) == []
