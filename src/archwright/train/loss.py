"""The training loss of each task."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from archwright.data.problem import Task

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_function(task: Task, label_smoothing: float = 0.0) -> Loss:
    """(output, target) -> mean loss (). Cross entropy, binary cross entropy, or mean squared error of standardised targets.

    output: (B, outputs) logits or standardised targets, for tokens (B, T, outputs). target: (B,) classes, (B, outputs) labels or
    standardised targets, (B, T) tokens.
    `label_smoothing` (Szegedy et al. 2016, arXiv:1512.00567, section 7): the share of a label spread over all classes.
    """
    if task == "classification":
        return lambda output, target: F.cross_entropy(output, target, label_smoothing=label_smoothing)
    if task == "language_modelling":
        return lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten(), label_smoothing=label_smoothing)
    if task == "multi_label":
        return lambda output, target: F.binary_cross_entropy_with_logits(output, _smooth(target, label_smoothing))
    return F.mse_loss


def _smooth(target: Tensor, label_smoothing: float) -> Tensor:
    return target * (1 - label_smoothing) + label_smoothing / 2 if label_smoothing else target
