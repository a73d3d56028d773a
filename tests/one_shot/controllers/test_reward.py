"""Rewards by hand."""

from __future__ import annotations

import math

import pytest
import torch

from archwright.data.problem import Problem
from archwright.one_shot.controllers.reward import reward_function


def problem(task, **more):
    return Problem("p", task, (3,), 4, **more)


def test_the_reward_of_classification_is_the_accuracy_on_the_batch():
    output = torch.eye(4)[[0, 1, 2, 2]]
    assert reward_function(problem("classification"))(output, torch.tensor([0, 1, 2, 3])) == 0.75


def test_the_reward_of_multi_label_classification_is_f1():
    reward = reward_function(problem("multi_label"))
    target = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    assert reward(8 * target - 4, target) == 1.0
    assert reward(4 - 8 * target, target) == 0.0


@pytest.mark.parametrize(("error", "expected"), [(0.0, 1.0), (1.0, 0.5), (3.0, 0.1), (math.inf, 0.0), (math.nan, 0.0)])
def test_the_reward_of_regression_is_between_0_and_1_and_half_for_the_mean(error, expected):
    target = torch.zeros(5, 4)
    assert reward_function(problem("regression"))(target + error, target) == pytest.approx(expected)


@pytest.mark.parametrize(("level", "c"), [("word", 80.0), ("character", 4.0)])
def test_the_reward_of_language_modelling_is_c_over_perplexity(level, c):
    """Pham et al. 2018, section 2.2. A model that knows nothing of four tokens has perplexity 4."""
    reward = reward_function(problem("language_modelling", level=level))
    target = torch.tensor([[0, 3, 1], [2, 2, 0]])
    assert reward(torch.zeros(2, 3, 4), target) == pytest.approx(c / 4)
    sure = 100.0 * torch.nn.functional.one_hot(target, 4)
    assert reward(sure, target) == pytest.approx(c)
    assert reward(sure * math.nan, target) == 0.0
