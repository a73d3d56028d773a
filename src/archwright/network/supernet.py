"""Supernets: one module holds the weights of all architectures of a space, and mixes them by gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture

Choice = Mapping[str, str]
"""The names of the edges that an architecture keeps, and its candidate on each."""


@dataclass(frozen=True)
class Edge:
    """A place where a supernet mixes candidates: in a cell a pair of nodes, in a chain a question about a stage.

    `target`: the node that it leads to. Edges with the same target compete if an architecture keeps only some of them.
    """

    name: str
    candidates: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Mixture:
    """The edges of a supernet, and how many of the edges into each target an architecture keeps.

    Gates are one tensor (edges, most candidates of an edge), one row per edge, with zeros after its last candidate.
    A target that is not in `edges_kept` keeps all its edges.
    """

    edges: tuple[Edge, ...]
    edges_kept: Mapping[str, int]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.edges), max(len(edge.candidates) for edge in self.edges)

    @property
    def mask(self) -> Tensor:
        """(edges, most candidates) bool: where there is a candidate."""
        width = self.shape[1]
        return torch.tensor([[i < len(edge.candidates) for i in range(width)] for edge in self.edges])

    @property
    def targets(self) -> dict[str, tuple[int, ...]]:
        """The indices of the edges into each target, in order."""
        found: dict[str, list[int]] = {}
        for number, edge in enumerate(self.edges):
            found.setdefault(edge.target, []).append(number)
        return {target: tuple(numbers) for target, numbers in found.items()}

    def keeps(self, target: str) -> int:
        """How many of the edges into `target` an architecture keeps."""
        return self.edges_kept.get(target, len(self.targets[target]))

    def one_hot(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Gates (edges, most candidates) with a one for each (edge, candidate) pair; repeated pairs add up."""
        gates = torch.zeros(self.shape)
        rows = {edge.name: number for number, edge in enumerate(self.edges)}
        for name, candidate in pairs:
            row = rows[name]
            gates[row, self.edges[row].candidates.index(candidate)] += 1.0
        return gates


@runtime_checkable
class Supernet(Protocol):
    """An `nn.Module` with the weights of all architectures of one space.

    Called with x (B, *input_shape) and gates (edges, most candidates) it returns (B, outputs). A candidate whose gate is exactly
    zero is not computed, and its gate gets no gradient: under one-hot gates a step costs no more than one of the single network.
    """

    @property
    def mixture(self) -> Mixture: ...

    def __call__(self, x: Tensor, gates: Tensor) -> Tensor: ...

    def gates_of(self, architecture: Architecture) -> Tensor:
        """The architecture's one-hot gates, (edges, most candidates)."""

    def architecture_of(self, choice: Choice) -> Architecture:
        """The architecture that keeps these edges with these candidates: the inverse of `gates_of`."""

    def extract(self, architecture: Architecture) -> nn.Module:
        """The architecture's plain module with a copy of the shared weights; its output equals the supernet's under its gates."""
