"""Terms in the loss of the alphas that ask for a clear decision."""

from __future__ import annotations

import torch
from torch import Tensor

from archwright.architecture.cell_graph import NONE
from archwright.errors import InputError
from archwright.network.supernet import Mixture


def mean_entropy(gates: Tensor) -> Tensor:
    """Mean entropy of the edges' gates, in nats: small where each edge has made its choice. gates: (edges, most candidates)."""
    shares = gates / gates.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return -(shares * shares.clamp_min(1e-12).log()).sum(dim=1).mean()


def connection_mask(mixture: Mixture) -> Tensor:
    """(edges, most candidates) bool: where there is a candidate that is a connection, so not `none`.

    Raises InputError where the mixture has no `none`: then the L1 norm of each edge's gates is one, and nothing can be learned.
    """
    is_none = [[i < len(edge.candidates) and edge.candidates[i] == NONE for i in range(mixture.shape[1])] for edge in mixture.edges]
    if not any(map(any, is_none)):
        raise InputError("setting 'l1' moves weight from connections to 'none', and this space mixes no 'none': set l1=0")
    return mixture.mask & ~torch.tensor(is_none)


def connection_norm(gates: Tensor, connections: Tensor) -> Tensor:
    """L1 norm of all gates but those of `none`, a mean over edges: small where whole edges are given up."""
    return (gates * connections).sum(dim=1).mean()
