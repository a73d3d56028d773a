"""Progressive discretization: edges are decided one by one during the search, and the rest trains with these decisions."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from archwright.network.supernet import Choice, Mixture
from archwright.one_shot.discretization.argmax import eligible


class ProgressiveDecisions(nn.Module):
    """SGAS (Li et al. 2020, arXiv:1912.00195), Algorithm 1 with criterion 1: edge importance times selection certainty.

    The edge with the highest criterion gets its strongest candidate; once a target has all the edges it keeps, its other edges are
    removed. `decided`: (edges, most candidates), one-hot or zero rows. `open`: (edges,) bool, not yet decided.
    Differs: the paper makes one decision in each cell every few epochs; here decisions are spread evenly over the search after its
    warm-up, for any space.
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
    def decisions_made(self) -> int:
        """How many edges have been chosen."""
        return int(self.decided.sum())

    def gates(self, gates: Tensor) -> Tensor:
        """The gates, replaced by the decisions on decided edges."""
        return torch.where(self.open.unsqueeze(1), gates, self.decided)

    def catch_up(self, gates: Tensor, share: float) -> None:
        """Makes the decisions due at this fraction of the search after warm-up. gates: (edges, most candidates)."""
        while self.decisions_made < min(self.decisions, math.floor(share * self.decisions)):
            self._decide(gates.detach())

    def completed_choice(self, gates: Tensor) -> Choice:
        """The choice that would result if all remaining edges were decided now."""
        copied = copy.deepcopy(self)
        copied.catch_up(gates, 1.0)
        chosen = copied.decided.cpu()
        edges = self.mixture.edges
        return {edges[i].name: edges[i].candidates[int(chosen[i].argmax())] for i in range(len(edges)) if chosen[i].any()}

    def _decide(self, gates: Tensor) -> None:
        """Decides one more edge."""
        undecided = [int(i) for i in self.open.nonzero()]
        importance, certainty = zip(*(self._importance_and_certainty(gates, i) for i in undecided), strict=True)
        scores = [a * b for a, b in zip(_normalised(importance), _normalised(certainty), strict=True)]
        number = undecided[max(range(len(undecided)), key=scores.__getitem__)]
        self.decided[number, max(eligible(self.mixture, number), key=lambda i: float(gates[number, i]))] = 1.0
        self.open[number] = False
        self._close_target(self.mixture.edges[number].target)

    def _importance_and_certainty(self, gates: Tensor, number: int) -> tuple[float, float]:
        """The total gate of an edge's candidates except `none`, and one minus their normalised entropy (eq. 3 to 5)."""
        row = gates[number, eligible(self.mixture, number)].double()
        total = float(row.sum())
        shares = row / max(total, 1e-12)
        entropy = float(-(shares * shares.clamp_min(1e-12).log()).sum())
        return total, 1.0 - entropy / math.log(max(2, len(row)))

    def _close_target(self, target: str) -> None:
        """Removes the undecided edges into a target that has all the edges it keeps."""
        numbers = list(self.mixture.targets[target])
        if float(self.decided[numbers].sum()) >= self.mixture.keeps(target):
            self.open[numbers] = False


def _normalised(values: tuple[float, ...]) -> list[float]:
    """Rescaled from 0 for the least to 1 for the largest; ones if all are equal."""
    least, span = min(values), max(values) - min(values)
    return [(value - least) / span if span > 0 else 1.0 for value in values]
