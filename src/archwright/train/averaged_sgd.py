"""Averaged SGD whose averaging begins when validation stops improving: NT-ASGD (Merity et al. 2018, arXiv:1708.02182,
section 4 and Algorithm 1; averaging itself: Polyak & Juditsky 1992, doi:10.1137/0330046)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Averaging(Protocol):
    """What the training loop needs from weight averaging."""

    def applied(self) -> Any:
        """A context manager inside which the network has the weights that are validated and saved."""

    def validated(self, loss: float) -> None:
        """Receives each validation loss."""


class NoAveraging:
    """No averaging: the weights stay as they are."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        yield

    def validated(self, loss: float) -> None:
        pass


class NonMonotoneAveraging:
    """The mean of all weights since the trigger: a validation loss above the best of all but the last `interval` (n in the paper).

    Validations are one epoch apart (L in the paper). Before the trigger the weights are not averaged.
    """

    def __init__(self, network: nn.Module, interval: int) -> None:
        self.weights = [weight for weight in network.parameters() if weight.requires_grad]
        self.interval = interval
        self.losses: list[float] = []
        self.means: list[Tensor] = []
        self.count = 0

    @torch.no_grad()
    def step_done(self) -> None:
        """Add the current weights to the mean; to be called after each step."""
        if not self.means:
            return
        self.count += 1
        torch._foreach_lerp_(self.means, [weight.detach() for weight in self.weights], 1 / self.count)

    def validated(self, loss: float) -> None:
        earlier = self.losses[: len(self.losses) - self.interval] if len(self.losses) > self.interval else []
        if not self.means and earlier and loss > min(earlier):
            self.means = [weight.detach().clone() for weight in self.weights]
        self.losses.append(loss)

    @contextmanager
    def applied(self) -> Iterator[None]:
        if not self.count:
            yield
            return
        current = [weight.detach().clone() for weight in self.weights]
        _copy_into(self.weights, self.means)
        try:
            yield
        finally:
            _copy_into(self.weights, current)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": list(self.losses), "means": list(self.means), "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.losses, self.count = list(state["losses"]), state["count"]
        self.means = [mean.to(weight.device, copy=True) for mean, weight in zip(state["means"], self.weights, strict=False)]


@torch.no_grad()
def _copy_into(weights: list[nn.Parameter], values: list[Tensor]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)
