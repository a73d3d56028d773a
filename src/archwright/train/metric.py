"""What a network is judged by, per task, over a whole split at once (a mean over batches is not the metric of the split)."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_accuracy, multilabel_f1_score
from torchmetrics.functional.regression import r2_score

from archwright.data.problem import METRICS, Task
from archwright.train.loss import loss_function

DECIMALS = 6
"""What float32 can tell apart."""


def decide(output: Tensor, task: Task) -> Tensor:
    """(N, outputs) logits -> (N,) classes or (N, outputs) labels 0 and 1 (threshold 0.5); targets stay as they are."""
    if task == "classification":
        return output.argmax(dim=1)
    return (output > 0).long() if task == "multi_label" else output


def metric_of(decision: Tensor, target: Tensor, task: Task) -> float:
    """Accuracy, macro f1, or r2 averaged over the outputs; higher is better, 1 is perfect.

    decision: as `decide` returns. target: (N,) classes, (N, L) labels or (N, T) amounts (in the same units as the decision).
    """
    if task == "classification":
        classes = int(max(decision.max(), target.max())) + 1
        value = multiclass_accuracy(decision, target, classes, average="micro", validate_args=False)
    elif task == "multi_label":
        value = multilabel_f1_score(decision, target.long(), target.shape[1], average="macro", validate_args=False)
    else:
        value = _r2(decision, target)
    return round(float(value), DECIMALS)


def _r2(decision: Tensor, target: Tensor) -> Tensor:
    """1 - sum of squared errors / sum of squares around the mean, in float64, mean over outputs.

    An output that is constant in the target has no such ratio: it counts 1 where it is met and 0 where not.
    """
    decision, target = decision.double(), target.double()
    mean, scale = target.mean(dim=0), target.std(dim=0, correction=0)
    scale[scale <= 1e-7 * mean.abs()] = 0  # rounding of float32 alone
    scale = torch.where(scale > 0, scale, mean.abs().clamp_min(1.0))
    twice = [torch.cat([(values - mean) / scale] * 2) for values in (decision, target)]  # one sample is not enough for the library
    return r2_score(twice[0], twice[1], multioutput="uniform_average")


def scores(output: Tensor, target: Tensor, task: Task) -> dict[str, float]:
    """The task's metric and the loss of a whole split. output, target: as the network gives and as it was trained on."""
    metric = metric_of(decide(output, task), target, task)
    return {METRICS[task]: metric, "loss": float(loss_function(task)(output, target))}


def root_mean_square_error(output: Tensor, target: Tensor, scale: Tensor) -> float:
    """In own units, over all outputs. output, target: (N, T) standardised; scale: (T,) units per standardised one."""
    return float(((output - target) * scale).square().mean().sqrt())
