"""From logits to gates: each row becomes a distribution over an edge's candidates. Masked entries are exactly zero.

Throughout, logits: (edges, most candidates); mask: the same shape, bool. Returns gates of that shape; each row sums to 1.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Liu et al. 2019, arXiv:1806.09055, eq. 2."""
    return logits.masked_fill(~mask, -torch.inf).softmax(dim=1)


def sparsemax(logits: Tensor, mask: Tensor) -> Tensor:
    """Martins & Astudillo 2016, arXiv:1602.02068, Algorithm 1: the Euclidean projection onto the simplex, with exact zeros."""
    z = logits.masked_fill(~mask, -torch.inf)
    ordered = z.sort(dim=1, descending=True).values
    sums = ordered.cumsum(dim=1)
    count = torch.arange(1, z.shape[1] + 1, device=z.device)
    support = (1 + count * ordered > sums).sum(dim=1, keepdim=True)  # k(z) in the paper
    threshold = (sums.gather(1, support - 1) - 1) / support  # tau(z)
    return (z - threshold).clamp_min(0.0)


RELAXATIONS = {"softmax": softmax, "sparsemax": sparsemax}


def gumbel_softmax(logits: Tensor, mask: Tensor, temperature: float, draw: Generator) -> Tensor:
    """Jang, Gu & Poole 2017, arXiv:1611.01144, eq. 2: the candidate with the largest entry is a sample from softmax(logits)."""
    noise = -torch.empty(logits.shape).exponential_(generator=draw).log().to(logits)
    return softmax((logits + noise) / temperature, mask)


def straight_through(gates: Tensor) -> Tensor:
    """One-hot gates at each row's largest entry, exactly; their gradient is that of `gates` (same paper, section 2.2)."""
    one_hot = torch.zeros_like(gates).scatter(1, gates.argmax(dim=1, keepdim=True), 1.0)
    return one_hot + (gates - gates.detach())
