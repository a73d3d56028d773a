"""One step of ordinary supervised training: the step function of the training loop for a single network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.ops.drop_path import set_drop_path
from archwright.ops.variational_dropout import Place, set_variational_dropout
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.auxiliary_head import AuxiliaryHead
from archwright.train.averaged_sgd import Averaging, NoAveraging, NonMonotoneAveraging
from archwright.train.loss import loss_function
from archwright.train.optimizer import learning_rate, make_optimizer, set_learning_rate
from archwright.train.precision import TrainingPrecision, make_fabric
from archwright.train.recipe import Recipe


class SupervisedStep:
    """Forward, backward, clip, update; learning rate and drop-path depend on the share of the training that is done.

    Moves `network` to the device. `saved` holds everything that has a state, by name, for the checkpoint. In a process group each
    process has its part of every batch, and its loss is weighted so that the mean over processes equals the loss of the batch.
    """

    def __init__(
        self,
        network: nn.Module,
        problem: Problem,
        recipe: Recipe,
        device: torch.device,
        precision: TrainingPrecision,
        process_group: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        self.recipe, self.network = recipe, network.to(device)
        if precision.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        set_variational_dropout(network, variational_dropout(recipe))
        batch_size = min(recipe.batch_size, problem.n_train)
        self.loss = process_group.weighted_loss(loss_function(problem.task, recipe.label_smoothing), batch_size)
        self.auxiliary = _auxiliary_head(network, problem, device) if recipe.auxiliary else None
        self.fabric: Fabric = make_fabric(device, precision, process_group)
        parts = [network] if self.auxiliary is None else [network, self.auxiliary]
        optimizer = make_optimizer(recipe, *parts, fused=precision.number != "float16" and device.type in ("cpu", "cuda"))
        self._averaging = NonMonotoneAveraging(network, recipe.averaging_interval) if recipe.optimizer == "nt_asgd" else None
        self._with_auxiliary = _WithAuxiliary(network, self.auxiliary)
        with warnings.catch_warnings():  # its successor is not available in all supported versions of PyTorch
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            self._forward, self.optimizer = self.fabric.setup(self._with_auxiliary, optimizer)

    @property
    def averaging(self) -> Averaging:
        """The averaging of the network's weights, for the training loop."""
        return self._averaging or NoAveraging()

    @property
    def saved(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"network": self.network, "optimizer": self.optimizer}
        if self.auxiliary is not None:
            parts["auxiliary"] = self.auxiliary
        if self._averaging is not None:
            parts["averaging"] = self._averaging
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        return parts if scaler is None else {**parts, "scaler": scaler}

    def __call__(self, x: Tensor, y: Tensor, done: float) -> tuple[Tensor, Tensor]:
        """x: (B, *input_shape); y: as the loss takes it; done in [0, 1). Returns loss () and output (B, outputs), detached."""
        set_learning_rate(self.optimizer, learning_rate(self.recipe, done))
        if self.recipe.drop_path:
            set_drop_path(self.network, self.recipe.drop_path * done)
        output, auxiliary = self._forward(x)
        loss = self.loss(output, y)
        total = loss if auxiliary is None else loss + self.recipe.auxiliary * self.loss(auxiliary, y)
        self.optimizer.zero_grad()
        self.fabric.backward(total)
        if self.recipe.gradient_clip:
            self.fabric.clip_gradients(self._forward, self.optimizer, max_norm=self.recipe.gradient_clip, error_if_nonfinite=False)
        self.optimizer.step()
        if self._averaging is not None:
            self._averaging.step_done()
        return loss.detach(), output.detach()

    def record(self) -> Mapping[str, float]:
        """The step's entries in the record of an epoch."""
        return {"learning_rate": float(self.optimizer.param_groups[0]["lr"])}


def variational_dropout(recipe: Recipe) -> dict[Place, float]:
    """The recipe's dropout probabilities by place."""
    return {
        "dropout": recipe.dropout,
        "hidden_dropout": recipe.hidden_dropout,
        "embedding_dropout": recipe.embedding_dropout,
    }


class _WithAuxiliary(nn.Module):
    """The network and its auxiliary head in one forward pass, so that both run in the same precision."""

    def __init__(self, network: nn.Module, auxiliary: AuxiliaryHead | None) -> None:
        super().__init__()
        self.network, self.auxiliary = network, auxiliary

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        output = self.network(x)
        return output, None if self.auxiliary is None else self.auxiliary()


def _auxiliary_head(network: nn.Module, problem: Problem, device: torch.device) -> AuxiliaryHead:
    head = AuxiliaryHead(network, problem.outputs).to(device)
    head.initialise(network, torch.zeros(2, *problem.input_shape, device=device))
    return head
