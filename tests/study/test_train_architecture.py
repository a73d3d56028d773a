"""One architecture trained from Python (the command is tested in test_cli.py)."""

import json

import numpy as np
import pytest
import torch

import archwright
from archwright.errors import InputError, RunFolderError, UnknownSetting

pytestmark = pytest.mark.usefixtures("one_thread_each", "without_onnx")


@pytest.fixture
def architecture(small_run):
    return small_run.folder / "model" / "architecture.json"


def test_the_result_has_metrics_and_a_model_that_takes_raw_inputs(small_run, architecture):
    trained = archwright.train_architecture(architecture, small_run.source, epochs=3)
    assert 0 <= trained.test <= 1
    assert trained.metrics["accuracy"] == trained.score
    assert trained.outcome.epochs == 3
    assert trained.folder is None
    x = np.load(small_run.source)["x"]
    with torch.no_grad():
        assert trained.model(torch.from_numpy(x[:5])).shape == (5, trained.problem.outputs)


def test_only_validated_it_reads_nothing_of_the_test_split(small_run, architecture, tmp_path):
    trained = archwright.train_architecture(architecture, small_run.source, epochs=2, test=False, out=tmp_path / "run")
    assert (trained.test, trained.model) == (None, None)
    assert not (tmp_path / "run" / "test_accesses.jsonl").exists()
    assert 0 <= trained.score <= 1


def test_an_architecture_object_and_its_file_give_the_same_and_a_kept_one_is_not_repeated(small_run, architecture, tmp_path):
    content = json.loads(architecture.read_text())
    made = archwright.Architecture.from_json(content)
    out = tmp_path / "kept"
    one, again = (archwright.train_architecture(given, small_run.source, epochs=2, out=out) for given in (made, architecture))
    assert one.outcome == again.outcome
    assert (out / "model" / "weights.safetensors").exists()
    assert one.folder == out
    with pytest.raises(RunFolderError, match="holds another training"):
        archwright.train_architecture(made, small_run.source, epochs=3, out=out)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epoch": 3}, InputError, r"no option 'epoch' \(did you mean 'epochs'\?\)"),
        ({"settings": {"space.width": 8}}, UnknownSetting, "begin the key with train"),
        ({"settings": {"train.batch": 8}}, UnknownSetting, "no setting 'batch'"),
        ({"epochs": 0}, InputError, "epochs is 0"),
    ],
)
def test_a_wrong_option_is_an_error(small_run, architecture, options, error, message):
    with pytest.raises(error, match=message):
        archwright.train_architecture(architecture, small_run.source, **options)


def test_an_architecture_for_other_data_is_an_error_that_says_what_differs(small_run):
    proposal = archwright.Study("chain", "random").ask()
    with pytest.raises(InputError, match=r"made for other data .*dimensions is None and must be"):
        archwright.train_architecture(proposal.architecture, small_run.source, epochs=1)


def test_a_training_that_fails_is_an_error_with_its_cause(small_run, architecture):
    with pytest.raises(InputError, match=r"no network was trained: timed out after 0\.01 s"):
        archwright.train_architecture(architecture, small_run.source, epochs=500, timeout=0.01)
