"""A supernet: one module that holds the weights of all architectures of a space, and mixes them by gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture

Choice = Mapping[str, str]
"""The edges that an architecture keeps, by name, and the candidate that it has on each."""


@dataclass(frozen=True)
class Edge:
    """A place where a supernet mixes: in a cell a pair of nodes, in a chain a question about a stage.

    `target`: what it leads to. Edges with one target compete where an architecture keeps only some of them.
    """

    name: str
    candidates: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Mixture:
    """All that a supernet mixes: its edges, and how many of the edges into a target an architecture keeps.

    Gates are one tensor (edges, most candidates of an edge), a row an edge, zeros behind its last candidate.
    A target that `kept` does not name keeps all its edges.
    """

    edges: tuple[Edge, ...]
    kept: Mapping[str, int]

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
        """The numbers of the edges into each target, in order."""
        found: dict[str, list[int]] = {}
        for number, edge in enumerate(self.edges):
            found.setdefault(edge.target, []).append(number)
        return {target: tuple(numbers) for target, numbers in found.items()}

    def keeps(self, target: str) -> int:
        """How many of the edges into `target` an architecture keeps."""
        return self.kept.get(target, len(self.targets[target]))

    def one_hot(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Gates (edges, most candidates) with one for each (edge, candidate) pair; a pair that comes twice counts twice."""
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
    zero is not computed, and its gate gets no gradient: under one-hot gates a step costs no more than the one network.
    """

    @property
    def mixture(self) -> Mixture: ...

    def __call__(self, x: Tensor, gates: Tensor) -> Tensor: ...

    def gates_of(self, architecture: Architecture) -> Tensor:
        """The architecture's one-hot gates, (edges, most candidates)."""

    def architecture_of(self, choice: Choice) -> Architecture:
        """The architecture that keeps these edges with these candidates: the inverse of `gates_of`."""

    def extract(self, architecture: Architecture) -> nn.Module:
        """The plain module of an architecture with a copy of the shared weights, equal in output to this one under its gates."""
