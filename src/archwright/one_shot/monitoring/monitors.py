"""Monitors for the known failures of a search: collapse to skip connections, and alphas that learn nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archwright.network.supernet import Choice, Mixture

SKIP = "skip_connect"
SKIPS = (SKIP, "skip")
"""The second is a skip connection in addition to an operation: any number of these is not a collapse."""
COLLAPSE = 0.5
"""An architecture with at least this share of skip connections in place of operations is reported as collapsed."""
LEAST_CHANGE = 0.01
"""A gate that has changed by less has hardly changed."""


def skip_share(choice: Choice) -> float:
    """The share of skip connections among the edges of an architecture, in [0, 1]."""
    return sum(candidate in SKIPS for candidate in choice.values()) / max(1, len(choice))


def expected_skip_share(mixture: Mixture, gates: Tensor) -> float:
    """The share of the total gate weight on skip connections, in [0, 1]. gates: (edges, most candidates)."""
    skips = [
        gates[i, edge.candidates.index(skip)] for i, edge in enumerate(mixture.edges) for skip in SKIPS if skip in edge.candidates
    ]
    return float(sum(skips, gates.new_zeros(())) / gates.sum())


def entropies(mixture: Mixture, gates: Tensor) -> list[float]:
    """Each edge's entropy relative to its maximum: 1 undecided, 0 decided. gates: (edges, most candidates).

    Edges with a single candidate, or without any weight, count as decided.
    """
    shares = gates.double() / gates.double().sum(dim=1, keepdim=True).clamp_min(1e-12)
    nats: list[float] = (shares * shares.clamp_min(1e-12).log()).sum(dim=1).neg().tolist()
    return [
        value / math.log(len(edge.candidates)) if len(edge.candidates) > 1 else 0.0
        for value, edge in zip(nats, mixture.edges, strict=True)
    ]


def spreads(mixture: Mixture, gates: Tensor) -> list[float]:
    """Each edge's largest gate minus its smallest."""
    rows = [gates[i, : len(edge.candidates)] for i, edge in enumerate(mixture.edges)]
    return [float(row.max() - row.min()) for row in rows]


def monitored(mixture: Mixture, gates: Tensor) -> dict[str, float]:
    """The monitored values of an epoch, from its expected gates, (edges, most candidates)."""
    return {
        "skip_share": expected_skip_share(mixture, gates),
        "entropy": mean(entropies(mixture, gates)),
        "spread": mean(spreads(mixture, gates)),
    }


def search_notes(choice: Choice, start: Tensor, end: Tensor) -> list[str]:
    """Warnings for the user after a gradient-based search. start, end: expected gates, (edges, most candidates)."""
    notes = []
    share = sum(candidate == SKIP for candidate in choice.values()) / max(1, len(choice))
    if share >= COLLAPSE and len(choice) > 1:
        notes.append(
            f"{100 * share:.0f} % of the found architecture's connections are skip connections: "
            "the well-known collapse of gradient-based search. Try auxiliary_skip=true, discretization=perturbation, or a patience."
        )
    if float((end - start).abs().max()) < LEAST_CHANGE:
        notes.append(
            "The alphas have hardly moved from their initial values: either the candidates perform equally well on these data "
            "(an easy problem), or the search was too short. The architecture found is then close to a random choice."
        )
    return notes


def mean(values: list[float]) -> float:
    """The mean of a list; 0 if it is empty."""
    return float(torch.tensor(values, dtype=torch.float64).mean()) if values else 0.0
