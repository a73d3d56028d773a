"""The metric of each task, computed over a whole split at once (a mean over batches is not the metric of the split)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_accuracy, multilabel_f1_score
from torchmetrics.functional.regression import r2_score

from archwright.data.problem import Problem, Task
from archwright.train.loss import loss_function

DECIMALS = 6
"""The precision of float32."""
LARGEST_NATS = 700.0
"""The exponential of more would overflow."""


def kept_of(output: Tensor, target: Tensor, task: Task) -> Tensor:
    """What the metric needs from a batch: the output, or for token logits (B, T, V) only the log-likelihoods (B, T)."""
    return log_likelihood(output, target) if task == "language_modelling" else output


def log_likelihood(output: Tensor, target: Tensor) -> Tensor:
    """The natural logarithm of each token's probability, (B, T). output: (B, T, V) logits. target: (B, T) tokens."""
    logits = output.detach().float()
    return logits.gather(-1, target[..., None])[..., 0] - logits.logsumexp(dim=-1)


def decide(output: Tensor, task: Task) -> Tensor:
    """(N, outputs) logits -> (N,) classes or (N, outputs) labels 0 and 1 (threshold 0.5); other outputs are unchanged."""
    if task == "classification":
        return output.argmax(dim=1)
    return (output > 0).long() if task == "multi_label" else output


def metric_of(decision: Tensor, target: Tensor, metric: str) -> float:
    """Accuracy, macro F1, R2 averaged over the outputs, or perplexity: 1 is perfect. Bits per character: 0 is perfect.

    decision: as `decide` returns. target: (N,) classes, (N, L) labels, (N, T) regression targets in the same units as the
    decision, or (N, T) tokens, which are not used because the decision holds their log-likelihoods.
    """
    if metric in ("perplexity", "bits_per_character"):
        nats = -float(decision.double().mean())
        return round(nats / math.log(2) if metric == "bits_per_character" else _exp(nats), DECIMALS)
    if metric == "accuracy":
        classes = int(max(decision.max(), target.max())) + 1
        value = multiclass_accuracy(decision, target, classes, average="micro", validate_args=False)
    elif metric == "f1":
        value = multilabel_f1_score(decision, target.long(), target.shape[1], average="macro", validate_args=False)
    else:
        value = _r2(decision, target)
    return round(float(value), DECIMALS)


def _r2(decision: Tensor, target: Tensor) -> Tensor:
    """1 - sum of squared errors / sum of squares around the mean, in float64, mean over outputs.

    An output with a constant target has no such ratio: it counts 1 if it is predicted exactly, else 0.
    """
    decision, target = decision.double(), target.double()
    mean, scale = target.mean(dim=0), target.std(dim=0, correction=0)
    scale[scale <= 1e-7 * mean.abs()] = 0  # differs only by float32 rounding
    scale = torch.where(scale > 0, scale, mean.abs().clamp_min(1.0))
    twice = [torch.cat([(values - mean) / scale] * 2) for values in (decision, target)]  # r2_score needs at least two samples
    return r2_score(twice[0], twice[1], multioutput="uniform_average")


def _exp(nats: float) -> float:
    return math.exp(nats) if nats < LARGEST_NATS else math.inf


def scores(kept: Tensor, target: Tensor, problem: Problem) -> dict[str, float]:
    """The task's metric and the loss of a whole split. kept: as `kept_of` returns. target: as in training."""
    task = problem.task
    metric = metric_of(decide(kept, task), target, problem.metric)
    loss = -kept.double().mean() if task == "language_modelling" else loss_function(task)(kept, target)
    return {problem.metric: metric, "loss": float(loss)}


def root_mean_square_error(output: Tensor, target: Tensor, scale: Tensor) -> float:
    """The error in the target's units, over all outputs. output, target: (N, T) standardised; scale: (T,) standard deviations."""
    return float(((output - target) * scale).square().mean().sqrt())
