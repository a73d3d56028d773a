"""Drop-path: paths of the network are dropped at random while training (Larsson et al. 2017, arXiv:1605.07648)."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.errors import InputError


class DropPath(nn.Module):
    """Sets whole samples to zero with `probability` while training, and scales the others by 1 / (1 - probability).

    x: (B, ...), returned in the same shape. `probability` is 0 initially and scheduled by the training loop (`set_drop_path`).
    """

    def __init__(self, probability: float = 0.0) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        kept = 1.0 - self.probability
        mask = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(kept)
        return x * mask / kept

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


def set_drop_path(network: nn.Module, probability: float) -> None:
    """Sets the probability of every DropPath in `network`. Raises InputError unless 0 <= probability < 1."""
    if not 0.0 <= probability < 1.0:
        raise InputError(f"drop-path probability {probability}: it must be at least 0 and below 1")
    for module in network.modules():
        if isinstance(module, DropPath):
            module.probability = probability
