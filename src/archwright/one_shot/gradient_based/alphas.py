"""The alphas: a logit for each candidate operation on each edge."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.network.supernet import Mixture

START_SCALE = 1e-3
"""Standard deviation of the initial alphas, as in the authors' code of DARTS: almost equal, but not quite."""


class Alphas(nn.Module):
    """alpha: (edges, most candidates) logits. beta: (edges,) logits of the edges into each target, if these are normalised.

    Edge normalisation is that of PC-DARTS (Xu et al. 2020, arXiv:1907.05737, eq. 3). Initialised from PyTorch's global generator.
    """

    mask: Tensor
    target: Tensor

    def __init__(self, mixture: Mixture, *, edge_normalisation: bool = False) -> None:
        super().__init__()
        mask = mixture.mask
        numbers = {target: number for number, target in enumerate(mixture.targets)}
        self.alpha = nn.Parameter(START_SCALE * torch.randn(mixture.shape) * mask)
        self.beta = nn.Parameter(START_SCALE * torch.randn(len(mixture.edges))) if edge_normalisation else None
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("target", torch.tensor([numbers[edge.target] for edge in mixture.edges]), persistent=False)

    def edge_shares(self) -> Tensor:
        """(edges, 1): softmax of beta over the edges into each target; ones without edge normalisation."""
        if self.beta is None:
            return torch.ones(len(self.target), 1, device=self.alpha.device)
        powers = (self.beta - self.beta.detach().max()).exp()
        sums = powers.new_zeros(int(self.target.max()) + 1).index_add(0, self.target, powers)
        return (powers / sums[self.target]).unsqueeze(1)
