from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import archwright.sklearn
from archwright.data.load import load_problem
from archwright.errors import InputError
from archwright.sklearn import ArchwrightClassifier, ArchwrightRegressor
from archwright.train.loss import loss_function
from archwright.train.trained_model import TrainedModel

NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture
def linear_search(monkeypatch):
    """Replace the search by one that fits a linear network to the data in milliseconds; returns the recorded calls."""
    calls, models = [], {}

    def search(source, **options):
        calls.append(options)
        data = load_problem(source, task=options["task"], layout=source.layout, seed=options["seed"])
        models[options["out"]] = linear_model(data)
        return SimpleNamespace(best=SimpleNamespace(folder=options["out"]), results={"problem": data.problem.to_json()})

    monkeypatch.setattr(archwright.sklearn, "search", search)
    monkeypatch.setattr(archwright.sklearn, "load_model", models.__getitem__)
    return calls


def linear_model(data):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(data.problem.input_shape)), data.problem.outputs))
    model = TrainedModel(network, data.problem, data.preprocessing)
    x, y = model.normalise(torch.from_numpy(data.train.x)), torch.from_numpy(data.train.y)
    if data.problem.task == "regression":
        y = (y - model.scale.mean) / model.scale.std
    loss, optimizer = loss_function(data.problem.task), torch.optim.LBFGS(network.parameters(), max_iter=60)

    def closure():
        optimizer.zero_grad()
        value = loss(network(x), y)
        value.backward()
        return value

    optimizer.step(closure)
    return model.eval()


@parametrize_with_checks([ArchwrightClassifier(), ArchwrightRegressor()])
def test_scikit_learns_own_checks(estimator, check, linear_search):
    check(estimator)


def labelled_digits(rows=300):
    pixels, labels = load_digits(return_X_y=True)
    return pixels[:rows], NAMES[labels[:rows]]


def test_a_real_search_learns_labels_of_any_type(tmp_path):
    x, y = labelled_digits(600)
    classifier = ArchwrightClassifier(trials=1, epochs=5, executor="serial", out=tmp_path / "run")
    assert classifier.fit(x, y) is classifier
    assert list(classifier.classes_) == sorted(set(y))
    assert classifier.score(x, y) > 0.7
    probabilities = classifier.predict_proba(x[:7])
    assert probabilities.shape == (7, 10)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert list(classifier.predict(x[:7])) == list(classifier.classes_[probabilities.argmax(axis=1)])
    assert classifier.results_["problem"]["input_shape"] == [64]
    assert isinstance(classifier.model_, nn.Module)
    before = (tmp_path / "run" / "results.json").stat().st_mtime_ns
    clone(classifier).fit(x, y)  # the run is finished: nothing is trained again
    assert (tmp_path / "run" / "results.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="other data"):
        clone(classifier).fit(x[:300], y[:300])


def test_several_targets_are_predicted_in_their_units(linear_search):
    x, y = make_regression(200, 5, n_targets=3, random_state=0)
    regressor = ArchwrightRegressor().fit(x, 1000 + 50 * y)
    assert regressor.predict(x[:4]).shape == (4, 3)
    assert regressor.score(x, 1000 + 50 * y) > 0.99
    assert regressor.fit(x, y[:, 0]).predict(x[:4]).shape == (4,)


def test_images_and_series_keep_their_axes(linear_search):
    x, y = labelled_digits()
    images = ArchwrightClassifier().fit(x.reshape(-1, 8, 8), y)
    assert images.results_["problem"]["input_shape"] == (1, 8, 8)
    assert images.score(x.reshape(-1, 8, 8), y) > 0.7
    series = ArchwrightClassifier(layout="series").fit(x, y)
    assert series.results_["problem"]["input_shape"] == (1, 64)
    with pytest.raises(InputError, match=r"\(8, 7\)"):
        images.predict(x.reshape(-1, 8, 8)[:, :, :7])


def test_parameters_reach_the_search(linear_search):
    x, y = labelled_digits()
    ArchwrightClassifier(space="cell", minutes=3, random_state=5, settings={"space.blocks": 2}).fit(x, y)
    (options,) = linear_search
    assert (options["space"], options["minutes"], options["seed"], options["random"]) == ("cell", 3, 5, False)
    assert options["settings"] == {"space.blocks": 2}
    assert options["task"] == "classification"


def test_an_unknown_space_is_an_error_that_lists_the_known_ones():
    with pytest.raises(InputError, match="chain"):
        ArchwrightClassifier(space="chian").fit(*labelled_digits())


def test_works_in_pipelines_and_cross_validation(linear_search):
    x, y = labelled_digits()
    assert cross_val_score(make_pipeline(StandardScaler(), ArchwrightClassifier()), x, y, cv=2).mean() > 0.6
    assert len(linear_search) == 2
