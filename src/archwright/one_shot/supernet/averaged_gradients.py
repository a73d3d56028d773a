"""Data-parallel supernet training: each process has its part of every batch, and gradients are averaged.

With a single process nothing is exchanged. Gates never are: every process draws the same from the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from archwright.process_group import ProcessGroup

Gradients = Sequence[Tensor | None]
GradientsOf = Callable[[Tensor, Iterable[Tensor]], Gradients]
"""(loss (), parameters) -> a gradient for each parameter, None if the loss does not depend on it."""


def averaged_gradients(process_group: ProcessGroup) -> GradientsOf:
    """Gradients of the mean loss over all processes, in a single exchange for all parameters.

    The parameters that the loss depends on must be the same in every process.
    """

    def gradients_of(loss: Tensor, parameters: Iterable[Tensor]) -> Gradients:
        gradients: Gradients = torch.autograd.grad(loss, tuple(parameters), allow_unused=True)
        process_group.average([gradient for gradient in gradients if gradient is not None])
        return gradients

    return gradients_of
