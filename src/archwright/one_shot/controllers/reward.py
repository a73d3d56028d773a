"""What a controller is paid for an architecture: how well it does on one batch, between 0 and a known bound."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from archwright.data.problem import Problem
from archwright.train.loss import loss_function
from archwright.train.metric import decide, metric_of

Reward = Callable[[Tensor, Tensor], float]
"""(output, target) of a batch -> the reward; higher is better, 0 is the least."""

GOOD_PERPLEXITY = {"word": 80.0, "character": 4.0}
"""At this perplexity the reward is 1. Words: c of Pham et al. 2018, arXiv:1802.03268, section 2.2, for Penn Treebank.
Differs: characters have one of their own (2 bits each), so that their rewards are of the same size."""


def reward_function(problem: Problem) -> Reward:
    """The reward of a problem: accuracy (Pham et al. 2018, section 2.2), and what corresponds to it for other tasks.

    Labels: macro f1. Amounts: 1 / (1 + mean squared error) of standardised targets, 0.5 for always giving the mean. Language:
    c / perplexity. What is not finite is worth 0.
    """
    loss = loss_function(problem.task)
    if problem.task in ("classification", "multi_label"):
        return lambda output, target: metric_of(decide(output, problem.task), target, problem.metric)
    if problem.task == "regression":
        return lambda output, target: _or_nothing(1.0 / (1.0 + float(loss(output, target))))
    c = GOOD_PERPLEXITY[problem.level or "word"]
    return lambda output, target: _or_nothing(c * math.exp(-float(loss(output, target))))


def _or_nothing(value: float) -> float:
    return value if math.isfinite(value) else 0.0
