"""The reward of an architecture for the controller: its performance on one batch, with 0 as the least."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from archwright.data.problem import Problem
from archwright.train.loss import loss_function
from archwright.train.metric import decide, metric_of

Reward = Callable[[Tensor, Tensor], float]
"""(output, target) of a batch -> the reward, at least 0; higher is better."""

GOOD_PERPLEXITY = {"word": 80.0, "character": 4.0}
"""The perplexity at which the reward is 1. Words: c of Pham et al. 2018, arXiv:1802.03268, section 2.2, for Penn Treebank.
Differs: characters have a separate value (2 bits each), so that their rewards are of the same magnitude."""


def reward_function(problem: Problem) -> Reward:
    """The reward for a problem: accuracy (Pham et al. 2018, section 2.2), or its counterpart for other tasks.

    Multi-label classification: macro F1. Regression: 1 / (1 + mean squared error) on standardised targets, which is 0.5 for
    predicting the mean. Language modelling: c / perplexity. A reward that is not finite becomes 0.
    """
    loss = loss_function(problem.task)
    if problem.task in ("classification", "multi_label"):
        return lambda output, target: metric_of(decide(output, problem.task), target, problem.metric)
    if problem.task == "regression":
        return lambda output, target: _finite_or_zero(1.0 / (1.0 + float(loss(output, target))))
    c = GOOD_PERPLEXITY[problem.level or "word"]
    return lambda output, target: _finite_or_zero(c * math.exp(-float(loss(output, target))))


def _finite_or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0
