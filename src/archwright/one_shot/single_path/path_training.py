"""A training step of the shared weights on sampled paths."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.supernet.averaged_gradients import averaged_gradients
from archwright.one_shot.supernet.search_context import SearchContext
from archwright.one_shot.supernet.weight_update import WeightUpdate
from archwright.ops.carried_state import begin_stream, separate_stream


class PathTraining:
    """Updates the weights by the mean loss of a few architectures (Pham et al. 2018, arXiv:1802.03268, eq. 1)."""

    def __init__(self, method: OneShotMethod, context: SearchContext) -> None:
        self.context = context
        self.update = WeightUpdate(method, context.supernet)
        self.differentiate = averaged_gradients(context.process_group)

    def __call__(self, x: Tensor, y: Tensor, architectures: Sequence[Architecture], done: float) -> tuple[Tensor, Tensor]:
        """x: (B, *input_shape), y: as the loss takes it. Returns the loss () and the last architecture's output, detached.

        Only the last architecture carries recurrent state from batch to batch; the others start from the initial state.
        """
        *others, last = architectures
        with separate_stream(self.context.supernet) if others else nullcontext():
            outputs = [self._from_initial_state(x, architecture) for architecture in others]
        outputs.append(self.context.supernet(x, self.context.gates_of(last)))
        loss = torch.stack([self.context.loss(output, y) for output in outputs]).mean()
        self.update(self.differentiate(loss, self.update.weights), done)
        return loss.detach(), outputs[-1].detach()

    def _from_initial_state(self, x: Tensor, architecture: Architecture) -> Tensor:
        begin_stream(self.context.supernet)
        output: Tensor = self.context.supernet(x, self.context.gates_of(architecture))
        return output
