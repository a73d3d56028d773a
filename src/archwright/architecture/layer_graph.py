"""A network as a row of layers with skip connections among them (Pham et al. 2018, arXiv:1802.03268, section 2.3). Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """Its operation reads the layer before it, and the outputs of the layers `skips`, which count from 1, are added to that."""

    operation: str
    skips: tuple[int, ...]


@dataclass(frozen=True)
class LayerGraph:
    """State 0 is what the stem gives, state k what layer k gives: `filters` channels at first.

    All sizes halve, and channels double, `reductions` times, between layers.
    """

    layers: tuple[Layer, ...]
    reductions: int
    filters: int

    @property
    def levels(self) -> tuple[int, ...]:
        """How often each state has been halved."""
        return levels(len(self.layers), self.reductions)

    @property
    def skips(self) -> list[tuple[int, int]]:
        """The number of a layer and that of a later one that adds what it gives."""
        return [(state, k) for k, layer in enumerate(self.layers, 1) for state in layer.skips]

    @property
    def reads(self) -> list[tuple[int, int]]:
        """The number of a state and that of a layer that reads it: the operations' readings, and the skips."""
        return [(state, k) for k, layer in enumerate(self.layers, 1) for state in (k - 1, *layer.skips)]

    @property
    def halved(self) -> list[list[int]]:
        """For each of the reductions the states that some layer behind it reads: what has to be halved there."""
        own = self.levels
        return [
            sorted({state for state, k in self.reads if own[state] <= reduction < own[k]}) for reduction in range(self.reductions)
        ]


def levels(layers: int, reductions: int) -> tuple[int, ...]:
    """How often each state has been halved: (1 + layers,). With two reductions, after each third of the layers, as in the paper.

    There must be more layers than reductions.
    """
    last = [i * layers // (reductions + 1) for i in range(1, reductions + 1)]
    return tuple(sum(k > before for before in last) for k in range(layers + 1))


def operation_question(layer: int) -> str:
    """The name of the question about a layer's operation, and of that edge of a supernet."""
    return f"layer{layer}/operation"


def skip_question(layer: int, source: int) -> str:
    """The name of the question whether a layer adds the output of an earlier one, and of that edge of a supernet."""
    return f"layer{layer}/skip{source}"
