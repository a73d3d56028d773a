"""A hidden state carried from one segment of a stream to the next: truncated back-propagation through time.

Williams & Peng 1990 (doi:10.1162/neco.1990.2.4.490), with segments of equal length: the state crosses the boundary between
segments, gradients do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor, nn

State = Tensor | tuple[Tensor, ...]
"""One tensor (B, H), or several, such as the hidden and the cell state of an LSTM."""


class Recurrence(Protocol):
    """An `nn.Module` that processes a segment of a stream step by step. Further inputs (a supernet's gates) follow the state."""

    def __call__(self, x: Tensor, state: State, *more: Tensor) -> tuple[Tensor, State]:
        """x: (T, B, H), state (B, H): returns the outputs (T, B, H) and the state after the last step."""

    def initial(self, batch: int, like: Tensor) -> State:
        """The state before the first step, with the data type and device of `like`."""


class CarriedState(nn.Module):
    """`recurrence`, starting from the final state of the previous call: x (T, B, H) -> (T, B, H).

    The state is detached from the previous call's graph. It is reset by `begin_stream`, and by a batch of another size or on
    another device. It belongs to the stream, not to the network, and is therefore not in the `state_dict`.
    """

    def __init__(self, recurrence: nn.Module) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.state: State | None = None

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        recurrence = cast(Recurrence, self.recurrence)
        previous = self.state if _fits(self.state, x) else None
        state = recurrence.initial(x.shape[1], x) if previous is None else previous
        output, final = recurrence(x, _map(state, _trainable), *more)
        self.state = _map(final, Tensor.detach)
        return output


def begin_stream(network: nn.Module) -> None:
    """Resets all states within `network`."""
    for module in _stateful_modules(network):
        module.state = None


@contextmanager
def separate_stream(network: nn.Module) -> Iterator[None]:
    """A separate stream, such as a validation: states are reset on entry and restored on exit."""
    saved = [(module, module.state) for module in _stateful_modules(network)]
    begin_stream(network)
    try:
        yield
    finally:
        for module, state in saved:
            module.state = state


def carries_state(network: nn.Module) -> bool:
    """Whether `network` carries any state from call to call."""
    return bool(_stateful_modules(network))


def _stateful_modules(network: nn.Module) -> list[CarriedState]:
    return [module for module in network.modules() if isinstance(module, CarriedState)]


def _fits(state: State | None, x: Tensor) -> bool:
    first = state[0] if isinstance(state, tuple) else state
    return first is not None and first.shape[0] == x.shape[1] and first.device == x.device


def _map(state: State, function: Callable[[Tensor], Tensor]) -> State:
    return tuple(function(part) for part in state) if isinstance(state, tuple) else function(state)


def _trainable(part: Tensor) -> Tensor:
    """A state created in inference mode cannot be used in training, but a copy can."""
    return part.clone() if part.is_inference() and not torch.is_inference_mode_enabled() else part
