"""A hidden state that is carried from one piece of a stream to the next: truncated back-propagation through time.

Williams & Peng 1990 (doi:10.1162/neco.1990.2.4.490), with pieces of equal length: gradients end where a piece begins, the state
does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor, nn

State = Tensor | tuple[Tensor, ...]
"""One tensor (B, H), or several, such as an LSTM's output and its memory."""


class Recurrence(Protocol):
    """An `nn.Module` that goes through a piece of a stream step by step. More inputs (a supernet's gates) come behind the state."""

    def __call__(self, x: Tensor, state: State, *more: Tensor) -> tuple[Tensor, State]:
        """x: (T, B, H), state (B, H): returns the outputs (T, B, H) and the state after the last step."""

    def initial(self, batch: int, like: Tensor) -> State:
        """The state before the first step, of the type and on the device of `like`."""


class CarriedState(nn.Module):
    """`recurrence`, begun with the state in which it ended at the last call: x (T, B, H) -> (T, B, H).

    The state is cut off from the last call's graph. A batch of another size, or on another device, begins anew, and so does a
    stream (`begin_stream`). The state belongs to the stream, not to the network: it is in no `state_dict`.
    """

    def __init__(self, recurrence: nn.Module) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.state: State | None = None

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        recurrence = cast(Recurrence, self.recurrence)
        before = self.state if _fits(self.state, x) else None
        state = recurrence.initial(x.shape[1], x) if before is None else before
        output, after = recurrence(x, _each(state, _usable), *more)
        self.state = _each(after, Tensor.detach)
        return output


def begin_stream(network: nn.Module) -> None:
    """All states within `network` begin anew."""
    for part in _carriers(network):
        part.state = None


@contextmanager
def own_stream(network: nn.Module) -> Iterator[None]:
    """A stream of its own, such as a validation: inside, states begin anew; afterwards they are what they were before."""
    before = [(part, part.state) for part in _carriers(network)]
    begin_stream(network)
    try:
        yield
    finally:
        for part, state in before:
            part.state = state


def carries_state(network: nn.Module) -> bool:
    """Whether there is any state in `network` that goes from call to call."""
    return bool(_carriers(network))


def _carriers(network: nn.Module) -> list[CarriedState]:
    return [part for part in network.modules() if isinstance(part, CarriedState)]


def _fits(state: State | None, x: Tensor) -> bool:
    first = state[0] if isinstance(state, tuple) else state
    return first is not None and first.shape[0] == x.shape[1] and first.device == x.device


def _each(state: State, change: Callable[[Tensor], Tensor]) -> State:
    return tuple(change(part) for part in state) if isinstance(state, tuple) else change(state)


def _usable(part: Tensor) -> Tensor:
    """A state that was left in inference mode cannot be trained from, its copy can."""
    return part.clone() if part.is_inference() and not torch.is_inference_mode_enabled() else part
