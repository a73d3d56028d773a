"""Discretization by argmax, as in DARTS: each edge keeps its strongest candidate, each node its strongest edges."""

from __future__ import annotations

from torch import Tensor

from archwright.architecture.cell_graph import NONE
from archwright.network.supernet import Choice, Mixture


def argmax_choice(mixture: Mixture, gates: Tensor) -> Choice:
    """Liu, Simonyan & Yang 2019, arXiv:1806.09055, section 2.4: each target keeps its strongest edges.

    gates: (edges, most candidates). The strength of an edge is that of its strongest candidate; the first of equals wins.
    """
    rows = gates.tolist()
    choice: dict[int, str] = {}
    for target, numbers in mixture.targets.items():
        strongest = {number: _strongest(mixture, rows[number], number) for number in numbers}
        ranked = sorted(numbers, key=lambda number: -strongest[number][0])  # stable: the first of equals stays first
        choice.update({number: strongest[number][1] for number in ranked[: mixture.keeps(target)]})
    return {mixture.edges[number].name: choice[number] for number in sorted(choice)}


def eligible(mixture: Mixture, number: int) -> list[int]:
    """The positions of the candidates that edge `number` may keep.

    `none` is excluded if the mixture says how many edges into the target are kept, which then decides which connections exist.
    """
    edge = mixture.edges[number]
    return [i for i, candidate in enumerate(edge.candidates) if candidate != NONE or edge.target not in mixture.edges_kept]


def _strongest(mixture: Mixture, row: list[float], number: int) -> tuple[float, str]:
    position = max(eligible(mixture, number), key=lambda i: row[i])  # max returns the first of equals
    return row[position], mixture.edges[number].candidates[position]
