"""A second classifier halfway down the network, only while training (Szegedy et al. 2015, arXiv:1409.4842, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.errors import InputError


class AuxiliaryHead(nn.Module):
    """Mean over positions, then one linear layer, on the output of `network.auxiliary_point`: (B, C, ...) -> (B, outputs).

    Not a part of the network, so it is not saved with the model. Raises InputError where the network names no such point.
    Differs: GoogLeNet's head has a convolution and a hidden layer; one linear layer suits small inputs.
    """

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        point = getattr(network, "auxiliary_point", None)
        if not isinstance(point, nn.Module):
            raise InputError(
                f"{type(network).__name__} has no auxiliary_point: set train.auxiliary to 0, or name the sub-module to read"
            )
        self.linear = nn.LazyLinear(outputs)
        self._seen: Tensor | None = None
        point.register_forward_hook(self._remember)

    def initialise(self, network: nn.Module, x: Tensor) -> None:
        """Size the linear layer by one pass of x: (B, *input_shape); the network's statistics stay as they are."""
        training = network.training
        with torch.no_grad():
            network.eval()(x)
            self()
        network.train(training)

    def forward(self) -> Tensor:
        """Logits for the batch that the network has just seen."""
        if self._seen is None:
            raise InputError("the network did not pass its auxiliary_point: set train.auxiliary to 0")
        seen, self._seen = self._seen, None
        output: Tensor = self.linear(seen.flatten(2).mean(dim=2) if seen.ndim > 2 else seen)
        return output

    def _remember(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if module.training or isinstance(self.linear, nn.LazyLinear):
            self._seen = output
