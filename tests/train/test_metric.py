import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, r2_score

from archwright.data.problem import Problem
from archwright.train.metric import decide, kept_of, log_likelihood, metric_of, root_mean_square_error, scores


def rng():
    return np.random.default_rng(0)


def test_accuracy_equals_scikit_learns():
    decision, target = rng().integers(0, 5, 200), rng().integers(0, 4, 200)
    assert metric_of(torch.from_numpy(decision), torch.from_numpy(target), "accuracy") == pytest.approx(
        accuracy_score(target, decision), abs=1e-6
    )


def test_f1_equals_scikit_learns_macro_average():
    decision, target = rng().integers(0, 2, (100, 4)), np.random.default_rng(1).integers(0, 2, (100, 4)).astype(np.float32)
    target[:, 3] = 0
    expected = f1_score(target, decision, average="macro", zero_division=0)
    assert metric_of(torch.from_numpy(decision), torch.from_numpy(target), "f1") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_r2_equals_scikit_learns_in_any_unit(scale):
    target = rng().normal(size=(50, 3)) * scale
    decision = target + np.random.default_rng(1).normal(size=(50, 3)) * scale
    value = metric_of(torch.from_numpy(decision), torch.from_numpy(target), "r2")
    assert value == pytest.approx(r2_score(target, decision), abs=1e-6)


def test_r2_of_the_whole_split_is_not_the_mean_over_batches():
    target, decision = torch.tensor([[0.0], [0.1], [10.0], [10.1]]), torch.tensor([[0.1], [0.0], [10.1], [10.0]])
    whole = metric_of(decision, target, "r2")
    halves = [metric_of(decision[part], target[part], "r2") for part in (slice(0, 2), slice(2, 4))]
    assert whole > 0.99
    assert max(halves) < 0


@pytest.mark.parametrize(("decision", "value"), [(3.0, 1.0), (4.0, 0.0)])
def test_r2_of_a_constant_target_is_a_number(decision, value):
    assert metric_of(torch.full((5, 1), decision), torch.full((5, 1), 3.0), "r2") == value


def test_r2_of_a_single_sample_is_a_number():
    assert metric_of(torch.tensor([[1.0]]), torch.tensor([[2.0]]), "r2") == 0.0


def test_labels_are_decided_at_a_half_even_if_all_logits_look_like_probabilities():
    assert decide(torch.tensor([[0.2, -0.2], [0.9, -0.9]]), "multi_label").tolist() == [[1, 0], [1, 0]]


def test_classes_are_decided_by_the_largest_output():
    assert decide(torch.tensor([[0.1, 3.0, 1.0], [5.0, 0.0, 1.0]]), "classification").tolist() == [1, 0]


def test_scores_hold_the_metric_and_the_loss():
    output, target = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    assert scores(output, target, Problem("p", "classification", (2,), 2)) == {"accuracy": 0.5, "loss": pytest.approx(np.log(2))}


def test_rmse_is_in_the_targets_units():
    output, target = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    assert root_mean_square_error(output, target, torch.tensor([10.0, 7.0])) == pytest.approx((100 / 2) ** 0.5)


def test_log_likelihoods_are_those_of_the_softmax():
    output, target = torch.randn(3, 4, 5, dtype=torch.float64), torch.randint(5, (3, 4))
    probabilities = output.softmax(dim=-1).numpy()
    expected = [[np.log(probabilities[i, j, target[i, j]]) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(log_likelihood(output, target).numpy(), expected, atol=1e-6)
    assert torch.equal(kept_of(output, target, "language_modelling"), log_likelihood(output, target))
    assert kept_of(output, target, "regression") is output


def test_perplexity_and_bits_per_character_match_a_computation_by_hand():
    """Two tokens with probabilities 1/2 and 1/8: two bits each on average, so as uncertain as a choice among four."""
    kept, target = torch.log(torch.tensor([[0.5, 0.125]])), torch.zeros(1, 2, dtype=torch.long)
    assert metric_of(kept, target, "bits_per_character") == pytest.approx(2.0)
    assert metric_of(kept, target, "perplexity") == pytest.approx(4.0)
    text = Problem("t", "language_modelling", (2,), 8, level="word")
    assert scores(kept, target, text) == {"perplexity": pytest.approx(4.0), "loss": pytest.approx(np.log(4))}


def test_a_perplexity_that_overflows_is_infinite():
    assert metric_of(torch.full((1, 1), -1e4), torch.zeros(1, 1), "perplexity") == float("inf")
