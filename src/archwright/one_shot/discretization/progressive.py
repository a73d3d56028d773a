"""From gates to an architecture edge by edge, while the search goes on: what is decided takes part in the training of the rest."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from archwright.network.supernet import Choice, Mixture
from archwright.one_shot.discretization.argmax import eligible


class ProgressiveDecisions(nn.Module):
    """SGAS (Li et al. 2020, arXiv:1912.00195), Algorithm 1 with criterion 1: edge importance times selection certainty.

    The edge of highest criterion gets its strongest candidate; a target that has all the edges it keeps loses the others.
    Differs: the paper decides once in both cells every few epochs; here decisions are spread evenly over the search after its
    warm-up, whatever the space. `decided`: (edges, most candidates), one-hot or zero rows; `open`: (edges,) bool, not decided.
    """

    decided: Tensor
    open: Tensor

    def __init__(self, mixture: Mixture) -> None:
        super().__init__()
        self.mixture = mixture
        self.decisions = sum(mixture.keeps(target) for target in mixture.targets)
        self.register_buffer("decided", torch.zeros(mixture.shape))
        self.register_buffer("open", torch.ones(len(mixture.edges), dtype=torch.bool))

    @property
    def made(self) -> int:
        """How many edges are chosen."""
        return int(self.decided.sum())

    def gates(self, gates: Tensor) -> Tensor:
        """The gates with the decided edges in their place."""
        return torch.where(self.open.unsqueeze(1), gates, self.decided)

    def catch_up(self, gates: Tensor, share: float) -> None:
        """As many decisions as are due at this share of the time there is for them. gates: (edges, most candidates)."""
        while self.made < min(self.decisions, math.floor(share * self.decisions)):
            self._decide(gates.detach())

    def completed(self, gates: Tensor) -> Choice:
        """What it would come to if the rest were decided now."""
        rest = copy.deepcopy(self)
        rest.catch_up(gates, 1.0)
        chosen = rest.decided.cpu()
        edges = self.mixture.edges
        return {edges[i].name: edges[i].candidates[int(chosen[i].argmax())] for i in range(len(edges)) if chosen[i].any()}

    def _decide(self, gates: Tensor) -> None:
        """One more edge."""
        left = [int(i) for i in self.open.nonzero()]
        importance, certainty = zip(*(self._importance_and_certainty(gates, i) for i in left), strict=True)
        scores = [a * b for a, b in zip(_normalised(importance), _normalised(certainty), strict=True)]
        number = left[max(range(len(left)), key=scores.__getitem__)]
        self.decided[number, max(eligible(self.mixture, number), key=lambda i: float(gates[number, i]))] = 1.0
        self.open[number] = False
        self._close(self.mixture.edges[number].target)

    def _importance_and_certainty(self, gates: Tensor, number: int) -> tuple[float, float]:
        """The weight of an edge's candidates but `none`, and one minus their normalised entropy (eq. 3 to 5)."""
        row = gates[number, eligible(self.mixture, number)].double()
        total = float(row.sum())
        shares = row / max(total, 1e-12)
        entropy = float(-(shares * shares.clamp_min(1e-12).log()).sum())
        return total, 1.0 - entropy / math.log(max(2, len(row)))

    def _close(self, target: str) -> None:
        """Drop what is left of the edges into a target that has enough."""
        numbers = list(self.mixture.targets[target])
        if float(self.decided[numbers].sum()) >= self.mixture.keeps(target):
            self.open[numbers] = False


def _normalised(values: tuple[float, ...]) -> list[float]:
    """From 0 for the least to 1 for the largest; ones where all are equal."""
    least, span = min(values), max(values) - min(values)
    return [(value - least) / span if span > 0 else 1.0 for value in values]
