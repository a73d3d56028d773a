"""Discretization by perturbation: keep the candidates whose removal harms the supernet most."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from torch import Tensor

from archwright.network.supernet import Choice, Mixture
from archwright.one_shot.discretization.argmax import eligible

Score = tuple[float, float]
"""A supernet's validation score, and minus its loss to break ties, which are frequent on a small split."""


def perturbation_choice(mixture: Mixture, gates: Tensor, score: Callable[[Tensor], Score], rng: Random) -> Choice:
    """Wang et al. 2021, arXiv:2108.04392, Algorithm 1: first the candidate on each edge, then the edges into each target.

    Edges and targets are visited in random order; what is kept is that without which the supernet scores lowest. gates: (edges,
    most candidates), of the trained supernet. score: scores the supernet under given gates.
    Differs: the supernet is not fine-tuned between decisions.
    """
    gates, chosen = gates.detach().clone(), {}
    for number in rng.sample(range(len(mixture.edges)), len(mixture.edges)):
        chosen[number] = _most_missed_candidate(mixture, gates, number, score)
        strength = float(gates[number].sum())
        gates[number] = 0.0
        gates[number, chosen[number]] = strength
    kept: list[int] = []
    for target in rng.sample(list(mixture.targets), len(mixture.targets)):
        numbers = _most_missed_edges(mixture, gates, target, score)
        gates[[number for number in mixture.targets[target] if number not in numbers]] = 0.0
        kept += numbers
    return {mixture.edges[number].name: mixture.edges[number].candidates[chosen[number]] for number in sorted(kept)}


def _most_missed_candidate(mixture: Mixture, gates: Tensor, number: int, score: Callable[[Tensor], Score]) -> int:
    """Only candidates with a positive gate are compared; the other gates of the edge are rescaled to keep their sum."""
    present = [i for i in eligible(mixture, number) if float(gates[number, i]) > 0] or eligible(mixture, number)[:1]
    return min(present, key=lambda i: score(_without_candidate(gates, number, i))) if len(present) > 1 else present[0]


def _without_candidate(gates: Tensor, number: int, position: int) -> Tensor:
    remaining = gates.clone()
    before = remaining[number].sum()
    remaining[number, position] = 0.0
    remaining[number] *= before / remaining[number].sum().clamp_min(1e-12)
    return remaining


def _most_missed_edges(mixture: Mixture, gates: Tensor, target: str, score: Callable[[Tensor], Score]) -> list[int]:
    numbers, keeps = mixture.targets[target], mixture.keeps(target)
    if keeps >= len(numbers):
        return list(numbers)
    return sorted(numbers, key=lambda number: score(_without_edge(gates, number)))[:keeps]


def _without_edge(gates: Tensor, number: int) -> Tensor:
    remaining = gates.clone()
    remaining[number] = 0.0
    return remaining
