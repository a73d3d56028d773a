"""A recurrent cell as a tree: each node reads one earlier state. Pure data, from which networks are built and drawings made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INPUT = 0
"""The state that the cell starts from: x_t and h_(t-1) together."""

Averaged = Literal["loose_ends", "all_nodes"]


@dataclass(frozen=True)
class RecurrentCell:
    """Node i, from 1 on, applies `activations[i - 1]` to a linear map of state `sources[i - 1]`: an earlier node, or 0, the input.

    `averaged`: the nodes whose mean is h_t: those that no node reads, or all. `highway`: whether a gate mixes the output of each
    node with the state that it reads.
    """

    sources: tuple[int, ...]
    activations: tuple[str, ...]
    highway: bool = False
    averaged: Averaged = "loose_ends"

    @property
    def nodes(self) -> range:
        """The numbers of the nodes."""
        return range(1, 1 + len(self.sources))

    @property
    def readers(self) -> dict[int, tuple[int, ...]]:
        """The nodes that read each state, for all states that are read, in order."""
        return {
            state: tuple(node for node in self.nodes if self.sources[node - 1] == state)
            for state in range(1 + len(self.sources))
            if state in self.sources
        }

    @property
    def outputs(self) -> tuple[int, ...]:
        """The nodes whose mean is the cell's output."""
        return tuple(node for node in self.nodes if self.averaged == "all_nodes" or node not in self.sources)

    def path(self, node: int) -> tuple[str, ...]:
        """The activations on the path from the input to a node, ending with its own."""
        return () if node == INPUT else (*self.path(self.sources[node - 1]), self.activations[node - 1])


def canonical_text(cell: RecurrentCell, state: int = INPUT) -> str:
    """Equal for two cells exactly if they differ only in the order of their nodes.

    An unordered tree is written with the texts of its children sorted (Aho, Hopcroft & Ullman 1974, section 3.2).
    """
    below = sorted(canonical_text(cell, node) for node in cell.readers.get(state, ()))
    label = "input" if state == INPUT else cell.activations[state - 1]
    return f"{label}({','.join(below)})" if below else label
