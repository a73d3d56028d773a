"""From gates to an architecture by trial: what the supernet misses most when it is taken away stays."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from torch import Tensor

from archwright.network.supernet import Choice, Mixture
from archwright.one_shot.discretization.argmax import eligible

Score = tuple[float, float]
"""A supernet's validation metric and minus its loss, which tells apart what a small split's metric cannot."""


def perturbation_choice(mixture: Mixture, gates: Tensor, score: Callable[[Tensor], Score], rng: Random) -> Choice:
    """Wang et al. 2021, arXiv:2108.04392, Algorithm 1: first the candidate on each edge, then the edges into each target.

    Each in random order; the one without which the supernet is worth least stays. gates: (edges, most candidates), those of the
    trained supernet; worth: what it is worth under gates.
    Differs: the supernet is not trained on between two decisions.
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
    """Only candidates that take part can be missed; the other gates of the edge grow so that their sum stays."""
    present = [i for i in eligible(mixture, number) if float(gates[number, i]) > 0] or eligible(mixture, number)[:1]
    return min(present, key=lambda i: score(_without_candidate(gates, number, i))) if len(present) > 1 else present[0]


def _without_candidate(gates: Tensor, number: int, position: int) -> Tensor:
    left = gates.clone()
    before = left[number].sum()
    left[number, position] = 0.0
    left[number] *= before / left[number].sum().clamp_min(1e-12)
    return left


def _most_missed_edges(mixture: Mixture, gates: Tensor, target: str, score: Callable[[Tensor], Score]) -> list[int]:
    numbers, keeps = mixture.targets[target], mixture.keeps(target)
    if keeps >= len(numbers):
        return list(numbers)
    return sorted(numbers, key=lambda number: score(_without_edge(gates, number)))[:keeps]


def _without_edge(gates: Tensor, number: int) -> Tensor:
    left = gates.clone()
    left[number] = 0.0
    return left
