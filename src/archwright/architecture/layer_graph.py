"""A network as a sequence of layers with skip connections (Pham et al. 2018, arXiv:1802.03268, section 2.3). Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """An operation on the previous layer, to which the outputs of the layers in `skips`, numbered from 1, are added."""

    operation: str
    skips: tuple[int, ...]


@dataclass(frozen=True)
class LayerGraph:
    """State 0 is the output of the stem, with `filters` channels, and state k that of layer k.

    The resolution is halved and the channels are doubled `reductions` times, between layers.
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
        """(layer, later layer that adds its output), by number."""
        return [(state, k) for k, layer in enumerate(self.layers, 1) for state in layer.skips]

    @property
    def reads(self) -> list[tuple[int, int]]:
        """(state, layer that reads it), by number, for operations and skips."""
        return [(state, k) for k, layer in enumerate(self.layers, 1) for state in (k - 1, *layer.skips)]

    @property
    def halved(self) -> list[list[int]]:
        """For each reduction, the states that a layer after it reads, which must be halved there."""
        own = self.levels
        return [
            sorted({state for state, k in self.reads if own[state] <= reduction < own[k]}) for reduction in range(self.reductions)
        ]


def levels(layers: int, reductions: int) -> tuple[int, ...]:
    """How often each state has been halved: (1 + layers,). Two reductions divide the layers into thirds, as in the paper.

    There must be more layers than reductions.
    """
    last = [i * layers // (reductions + 1) for i in range(1, reductions + 1)]
    return tuple(sum(k > before for before in last) for k in range(layers + 1))


def operation_question(layer: int) -> str:
    """The name of the question about a layer's operation, and of the corresponding edge of a supernet."""
    return f"layer{layer}/operation"


def skip_question(layer: int, source: int) -> str:
    """The name of the question whether a layer adds an earlier one's output, and of the corresponding edge of a supernet."""
    return f"layer{layer}/skip{source}"
