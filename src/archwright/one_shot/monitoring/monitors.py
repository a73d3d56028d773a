"""What is watched during a search, for its known failures: collapse to skip connections, and alphas that learn nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archwright.network.supernet import Choice, Mixture

SKIP = "skip_connect"
SKIPS = (SKIP, "skip")
"""The second is a skip connection beside an operation, not in its place: however many there are, nothing has collapsed."""
COLLAPSE = 0.5
"""From this share of skip connections in the place of operations on, a found architecture is called collapsed."""
HARDLY = 0.01
"""A gate that has moved by less has hardly moved."""


def skip_share(choice: Choice) -> float:
    """The share of skip connections among the edges of an architecture, in [0, 1]."""
    return sum(candidate in SKIPS for candidate in choice.values()) / max(1, len(choice))


def expected_skip_share(mixture: Mixture, gates: Tensor) -> float:
    """The share of all gates that skip connections have, in [0, 1]. gates: (edges, most candidates)."""
    skips = [
        gates[i, edge.candidates.index(skip)] for i, edge in enumerate(mixture.edges) for skip in SKIPS if skip in edge.candidates
    ]
    return float(sum(skips, gates.new_zeros(())) / gates.sum())


def entropies(mixture: Mixture, gates: Tensor) -> list[float]:
    """Each edge's entropy relative to the largest possible: 1 undecided, 0 decided. gates: (edges, most candidates).

    Edges without a choice, or without any weight, count as decided.
    """
    shares = gates.double() / gates.double().sum(dim=1, keepdim=True).clamp_min(1e-12)
    nats: list[float] = (shares * shares.clamp_min(1e-12).log()).sum(dim=1).neg().tolist()
    return [
        value / math.log(len(edge.candidates)) if len(edge.candidates) > 1 else 0.0
        for value, edge in zip(nats, mixture.edges, strict=True)
    ]


def spreads(mixture: Mixture, gates: Tensor) -> list[float]:
    """Each edge's largest gate less its smallest one."""
    rows = [gates[i, : len(edge.candidates)] for i, edge in enumerate(mixture.edges)]
    return [float(row.max() - row.min()) for row in rows]


def watched(mixture: Mixture, gates: Tensor) -> dict[str, float]:
    """What an epoch's record says of its expected gates, (edges, most candidates)."""
    return {
        "skip_share": expected_skip_share(mixture, gates),
        "entropy": mean(entropies(mixture, gates)),
        "spread": mean(spreads(mixture, gates)),
    }


def search_notes(choice: Choice, start: Tensor, end: Tensor) -> list[str]:
    """Warnings in plain words about the end of a gradient search. start, end: expected gates, (edges, most candidates)."""
    notes = []
    share = sum(candidate == SKIP for candidate in choice.values()) / max(1, len(choice))
    if share >= COLLAPSE and len(choice) > 1:
        notes.append(
            f"{100 * share:.0f} % of the found architecture's connections are skip connections: "
            "the known collapse of gradient-based search. Try auxiliary_skip=true, discretization=perturbation, or a patience."
        )
    if float((end - start).abs().max()) < HARDLY:
        notes.append(
            "The alphas are still about where they began: on these data the candidates do equally well (an easy problem), "
            "or the search was too short. What was found is then close to a random choice."
        )
    return notes


def mean(values: list[float]) -> float:
    """Of a list that may be empty."""
    return float(torch.tensor(values, dtype=torch.float64).mean()) if values else 0.0
