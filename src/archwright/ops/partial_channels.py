"""Partial channel connections: only some of the channels are mixed (PC-DARTS, Xu et al. 2020, arXiv:1907.05737)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archwright.errors import InputError
from archwright.ops.memory_layout import channels_last
from archwright.ops.pooling import MAX_POOLS


class PartialChannels(nn.Module):
    """The first 1/k of the channels are mixed, the others bypass the operations (section 3.2, eq. 2); then channels are shuffled.

    At stride 2 the bypass is a 2 x 2 max pooling. Differs: in the paper each edge adds its bypass unweighted, and edge
    normalisation (eq. 4) weights it with its edge; here its weight is the sum of the edge's gates, which covers both cases: 1 under
    a softmax, and the edge weight under a softmax times that weight. Raises InputError unless k divides the number of channels.
    """

    def __init__(self, dimensions: int, channels: int, k: int) -> None:
        super().__init__()
        if channels % k:
            raise InputError(f"partial_channels={k} does not divide {channels} channels: choose a multiple of it for filters")
        self.k = k
        self.mixed = channels // k
        self.pool = MAX_POOLS[dimensions](2, 2, ceil_mode=True)

    def part(self, state: Tensor) -> Tensor:
        """The channels to be mixed: (B, C, ...) -> (B, C / k, ...)."""
        return channels_last(state[:, : self.mixed])

    def join(self, mixed: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor | None], strides: Sequence[int]) -> Tensor:
        """A node's state (B, C, ...): mixed (B, C / k, ...) and the weighted sum of the states' bypassed channels, shuffled.

        weights: () each, None for a state that is not read.
        """
        rest = mixed.new_zeros(())
        for state, weight, stride in zip(states, weights, strides, strict=False):
            if weight is not None:
                bypass = state[:, self.mixed :]
                rest = rest + weight * (self.pool(bypass) if stride > 1 else bypass)
        rest = rest.expand(mixed.shape[0], mixed.shape[1] * (self.k - 1), *mixed.shape[2:])
        others = rest.reshape(mixed.shape[0], self.k - 1, self.mixed, *mixed.shape[2:]).transpose(1, 2)  # (B, C / k, k - 1, ...)
        return torch.cat([mixed.unsqueeze(2), others], dim=2).flatten(1, 2)
