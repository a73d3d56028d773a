"""A step of the shared weights on single paths, whoever draws them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.one_shot.data_parallel import averaged_gradients
from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.search import Scene
from archwright.one_shot.weight_update import WeightUpdate


class PathTraining:
    """Moves the weights by the mean of the losses of a few architectures (Pham et al. 2018, arXiv:1802.03268, eq. 1)."""

    def __init__(self, method: OneShotMethod, scene: Scene) -> None:
        self.scene = scene
        self.update = WeightUpdate(method, scene.supernet)
        self.differentiate = averaged_gradients(scene.fabric)

    def __call__(self, x: Tensor, y: Tensor, architectures: Sequence[Architecture], done: float) -> tuple[Tensor, Tensor]:
        """x: (B, *input_shape), y: as the loss takes it. Returns the loss () and the last one's output, detached."""
        outputs = [self.scene.supernet(x, self.scene.gates_of(architecture)) for architecture in architectures]
        loss = torch.stack([self.scene.loss(output, y) for output in outputs]).mean()
        self.update(self.differentiate(loss, self.update.weights), done)
        return loss.detach(), outputs[-1].detach()
