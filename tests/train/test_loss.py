import pytest
import torch

from archwright.train.loss import loss_function


def test_cross_entropy_with_smoothed_labels():
    output = torch.tensor([[2.0, 0.0, 1.0]])
    soft = torch.tensor([0.1 / 3 + 0.9, 0.1 / 3, 0.1 / 3])
    expected = -(soft * output[0].log_softmax(dim=0)).sum()
    assert loss_function("classification", 0.1)(output, torch.tensor([0])) == pytest.approx(float(expected))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_with_smoothed_labels(smoothing):
    output, target = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    soft = torch.tensor([[1 - smoothing / 2, smoothing / 2]])
    probability = output.sigmoid()
    expected = -(soft * probability.log() + (1 - soft) * (1 - probability).log()).mean()
    assert loss_function("multi_label", smoothing)(output, target) == pytest.approx(float(expected))


def test_squared_error_is_the_mean_over_samples_and_targets():
    assert loss_function("regression")(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])) == pytest.approx(2.5)


def test_cross_entropy_of_tokens_is_the_mean_over_all_tokens():
    output, target = torch.randn(2, 3, 4), torch.randint(4, (2, 3))
    expected = -output.log_softmax(dim=-1).gather(-1, target[..., None]).mean()
    assert loss_function("language_modelling")(output, target) == pytest.approx(float(expected))
