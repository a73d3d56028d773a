import numpy as np
import pytest
import torch
from torch import nn

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.errors import ShapeError
from archwright.network.baselines import build_baseline
from archwright.train.metric import log_likelihood
from archwright.train.trained_model import TrainedModel, evaluation_batch, log_likelihoods, predict

REGRESSION = Problem("r", "regression", (2, 3), 2)
PREPROCESSING = Preprocessing((1.0, 2.0), (2.0, 4.0), (100.0, 0.0), (10.0, 1.0))


class FirstOfEach(nn.Module):
    def forward(self, x):
        return x[:, :, 0]


def test_raw_inputs_in_and_targets_in_their_own_units_out():
    model = TrainedModel(FirstOfEach(), REGRESSION, PREPROCESSING)
    x = np.array([[[3.0, 0, 0], [10.0, 0, 0]]])
    assert predict(model, x).tolist() == [[110.0, 2.0]]


def test_logits_are_not_scaled():
    problem = Problem("c", "classification", (2, 3), 2)
    model = TrainedModel(FirstOfEach(), problem, Preprocessing((0.0, 0.0), (1.0, 1.0)))
    assert predict(model, np.full((1, 2, 3), 7, np.uint8)).tolist() == [[7, 7]]


def test_the_state_of_the_network_is_separate_from_the_preprocessing():
    model = TrainedModel(nn.Linear(3, 2), REGRESSION, PREPROCESSING)
    assert {name.split(".")[0] for name in model.state_dict()} == {"network", "normalise", "scale"}


def test_prediction_is_in_evaluation_mode_and_restores_the_mode():
    network = nn.Sequential(FirstOfEach(), nn.Dropout(0.9), nn.BatchNorm1d(2))
    model = TrainedModel(network, REGRESSION, PREPROCESSING).train()
    x = np.random.default_rng(0).normal(size=(40, 2, 3))
    whole, parts = predict(model, x), predict(model, x, batch_size=7)
    assert np.allclose(whole, parts)
    assert model.training
    assert int(network[2].num_batches_tracked) == 0


def test_no_rows_give_no_predictions():
    model = TrainedModel(FirstOfEach(), REGRESSION, PREPROCESSING)
    assert predict(model, np.zeros((0, 2, 3))).shape == (0, 2)


def test_inputs_of_another_shape_are_an_error_that_names_both_shapes():
    model = TrainedModel(FirstOfEach(), REGRESSION, PREPROCESSING)
    with pytest.raises(ShapeError, match=r"\(3, 2\).*\(2, 3\)"):
        predict(model, np.zeros((5, 3, 2)))


@pytest.mark.parametrize(("shape", "samples"), [((10,), 512), ((3, 64, 64), 85), ((3, 512, 512), 32)])
def test_evaluation_batches_hold_about_a_million_numbers(shape, samples):
    assert evaluation_batch(shape) == samples


def test_predictions_equal_those_of_a_direct_call_of_the_model():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    x = np.random.default_rng(0).normal(size=(3, 2, 3)).astype(np.float32)
    by_hand = network(torch.from_numpy((x - np.array([[1], [2]])) / np.array([[2], [4]])).float()).detach().numpy()
    assert np.allclose(predict(TrainedModel(network, REGRESSION, PREPROCESSING), x), by_hand * [10, 1] + [100, 0], atol=1e-4)


def test_the_state_is_carried_through_the_windows_in_order_and_restored():
    """Compared with one pass over each stream: windows are only parts of it."""
    torch.manual_seed(0)
    problem = Problem("t", "language_modelling", (4,), 9, level="character")
    model = TrainedModel(build_baseline("gru", problem, 800), problem, Preprocessing((), ()))
    tokens = torch.randint(9, (1 + 4 * 65,)).numpy()
    x, y = tokens[:-1].reshape(65, 4), tokens[1:].reshape(65, 4)
    found = log_likelihoods(model, x, y)
    streams = x[:64].reshape(32, 8), y[:64].reshape(32, 8)
    with torch.no_grad():
        expected = log_likelihood(model(torch.from_numpy(streams[0])), torch.from_numpy(streams[1])).numpy()
    assert np.allclose(found[:64].reshape(32, 8), expected, atol=1e-5)
    assert found.shape == (65, 4)
    assert model.training
