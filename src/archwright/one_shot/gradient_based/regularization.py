"""Regularization terms in the loss of the alphas that favour clear decisions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from archwright.architecture.cell_graph import NONE
from archwright.errors import InputError
from archwright.network.supernet import Mixture

Penalty = Callable[[Tensor], Tensor]
"""(expected gates (edges, most candidates)) -> a term () in the loss of the alphas."""


def penalties_of(entropy: float, l1: float, mixture: Mixture, device: torch.device) -> list[Penalty]:
    """The terms with these weights, without those whose weight is zero."""
    penalties: list[Penalty] = []
    if entropy:
        penalties.append(lambda gates: entropy * mean_entropy(gates))
    if l1:
        connections = connection_mask(mixture).to(device)
        penalties.append(lambda gates: l1 * connection_norm(gates, connections))
    return penalties


def mean_entropy(gates: Tensor) -> Tensor:
    """Mean entropy of the edges' gates, in nats: small if each edge has a dominant candidate. gates: (edges, most candidates)."""
    shares = gates / gates.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return -(shares * shares.clamp_min(1e-12).log()).sum(dim=1).mean()


def connection_mask(mixture: Mixture) -> Tensor:
    """(edges, most candidates) bool: true for candidates that are a connection, not `none`.

    Raises InputError if the mixture has no `none`: the L1 norm of each edge's gates is then constant, and has no gradient.
    """
    is_none = [[i < len(edge.candidates) and edge.candidates[i] == NONE for i in range(mixture.shape[1])] for edge in mixture.edges]
    if not any(map(any, is_none)):
        raise InputError("setting 'l1' shifts weight from connections to 'none', but this space has no candidate 'none': set l1=0")
    return mixture.mask & ~torch.tensor(is_none)


def connection_norm(gates: Tensor, connections: Tensor) -> Tensor:
    """L1 norm of all gates except those of `none`, mean over edges: small if whole edges are dropped."""
    return (gates * connections).sum(dim=1).mean()
