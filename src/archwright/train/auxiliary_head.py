"""A second classifier halfway through the network, used only in training (Szegedy et al. 2015, arXiv:1409.4842, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.errors import InputError


class AuxiliaryHead(nn.Module):
    """Mean over positions, then one linear layer, on the output of `network.auxiliary_point`: (B, C, ...) -> (B, outputs).

    Not part of the network, so it is not saved with the model. Raises InputError if the network has no `auxiliary_point`.
    Differs: GoogLeNet's head has a convolution and a hidden layer; one linear layer suits small inputs.
    """

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        point = getattr(network, "auxiliary_point", None)
        if not isinstance(point, nn.Module):
            raise InputError(
                f"{type(network).__name__} has no auxiliary_point: set train.auxiliary to 0, or set that attribute to a submodule"
            )
        self.linear = nn.LazyLinear(outputs)
        self._features: Tensor | None = None
        point.register_forward_hook(self._remember)

    def initialise(self, network: nn.Module, x: Tensor) -> None:
        """Infer the size of the linear layer from one pass of x, (B, *input_shape); the network's statistics do not change."""
        training = network.training
        with torch.no_grad():
            network.eval()(x)
            self()
        network.train(training)

    def forward(self) -> Tensor:
        """Logits for the batch that the network has just processed."""
        if self._features is None:
            raise InputError("the forward pass did not reach the auxiliary_point: set train.auxiliary to 0")
        features, self._features = self._features, None
        output: Tensor = self.linear(features.flatten(2).mean(dim=2) if features.ndim > 2 else features)
        return output

    def _remember(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if module.training or isinstance(self.linear, nn.LazyLinear):
            self._features = output
