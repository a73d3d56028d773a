"""All ENAS macro networks in one, mixed by gates: the shared weights of ENAS (Pham et al. 2018, arXiv:1802.03268, section 2.3).

With g_k the gates of layer k's operations and s_kj that of the skip from layer j,

    x_k = BN(sum over o of g_k[o] operation_(k,o)(x_(k-1)) + sum over j < k of s_kj x_j).

Each layer has separate weights for each operation. Batch normalisations inside the sum have no scale and shift, which could undo
the gates (Liu et al. 2019, arXiv:1806.09055, appendix A.1.1); the normalisation of the sum, which no single gate controls, has
both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_graph import NONE
from archwright.architecture.layer_graph import Layer, LayerGraph, operation_question, skip_question
from archwright.architecture.question import Option
from archwright.network.edge_gates import OpenGates
from archwright.network.enas_macro_network import EnasMacroNetwork, LayerModule, States, halvings_of, layer_operation, stem
from archwright.network.shared_weights import check_gates, copy_weights, plain_module
from archwright.network.supernet import Choice, Edge, Mixture
from archwright.ops.convolution import batch_norm
from archwright.ops.memory_layout import channels_last
from archwright.ops.pooling import GlobalAveragePool

SKIP = "skip"
SKIPS = (NONE, SKIP)
"""The candidates of a skip connection: absent or present."""
ANSWERS: dict[str, Option] = {NONE: False, SKIP: True}


class EnasMacroSupernet(nn.Module):
    """The weights of all networks of space `enas_macro`. x: (B, C, L) or (B, C, H, W), gates: (edges, candidates) -> (B, outputs).

    `describe` returns an architecture's layers, and `compose` creates an architecture from its answers.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        candidates: Sequence[str],
        *,
        describe: Callable[[Architecture], LayerGraph],
        compose: Callable[[dict[str, Option]], Architecture],
        layers: int,
        reductions: int,
        filters: int,
    ) -> None:
        super().__init__()
        self.input_shape, self.outputs = input_shape, outputs
        self.describe, self.compose = describe, compose
        self.mixture = Mixture(tuple(edge for k in range(1, layers + 1) for edge in _edges(k, tuple(candidates))), {})
        dimensions = len(input_shape) - 1
        everything = LayerGraph(tuple(Layer("", tuple(range(1, k))) for k in range(1, layers + 1)), reductions, filters)
        self.levels = everything.levels
        self.stem = stem(dimensions, input_shape[0], filters)
        self.reductions = halvings_of(dimensions, everything, affine=False)
        self.layers = nn.ModuleList(MixedLayer(candidates, dimensions, filters * 2**level) for level in self.levels[1:])
        self.pool = GlobalAveragePool()
        self.classifier = nn.Linear(filters * 2**reductions, outputs)

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """Raises ShapeError unless gates are (edges, candidates), InputError if all gates of a layer's operations are zero."""
        check_gates(gates, self.mixture)
        opened = self._open(gates.to(self.classifier.weight.dtype))
        states = States(self.stem(channels_last(x)), self.reductions)
        for k, layer in enumerate(self.layers, 1):
            level = self.levels[k]
            gates_of_skips = {j: opened[name] for j in range(1, k) if (name := skip_question(k, j)) in opened}
            skips = [gate.mix([states.at(j, level)]) for j, gate in gates_of_skips.items()]
            states.add(layer(states.at(k - 1, level), opened[operation_question(k)], skips), level)
        logits: Tensor = self.classifier(self.pool(states.last))
        return logits

    def _open(self, gates: Tensor) -> dict[str, OpenGates]:
        """The open gates of each layer's operations and of the skips that are present."""
        opened = {}
        for edge, row, values in zip(self.mixture.edges, gates, gates.detach().tolist(), strict=True):
            is_skip = edge.candidates == SKIPS
            places = slice(1, 2) if is_skip else slice(len(edge.candidates))
            if any(values[places]) or not is_skip:
                opened[edge.name] = OpenGates.of(row[places], values[places], edge.name)
        return opened

    def gates_of(self, architecture: Architecture) -> Tensor:
        """(edges, candidates): one for each layer's operation, and for the presence or absence of each skip."""
        pairs = []
        for k, layer in enumerate(self.describe(architecture).layers, 1):
            pairs.append((operation_question(k), layer.operation))
            pairs += [(skip_question(k, j), SKIP if j in layer.skips else NONE) for j in range(1, k)]
        return self.mixture.one_hot(pairs)

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises UnknownAnswer unless each edge has one of its own candidates."""
        return self.compose({name: ANSWERS.get(candidate, candidate) for name, candidate in choice.items()})

    def extract(self, architecture: Architecture) -> EnasMacroNetwork:
        graph = self.describe(architecture)
        plain = plain_module(self, lambda: EnasMacroNetwork(self.input_shape, self.outputs, graph))
        for name in ("stem", "classifier"):
            copy_weights(getattr(self, name), getattr(plain, name))
        for shared, alone in zip(self.reductions, plain.reductions, strict=True):
            for number, reduction in cast(nn.ModuleDict, alone).items():
                copy_weights(cast(nn.ModuleDict, shared)[number], reduction)
        for mixed, module, layer in zip(self.layers, plain.layers, graph.layers, strict=True):
            cast(MixedLayer, mixed).fill(cast(LayerModule, module), layer)
        return plain


class MixedLayer(nn.Module):
    """One layer with all candidate operations: see LayerModule."""

    def __init__(self, candidates: Sequence[str], dimensions: int, channels: int) -> None:
        super().__init__()
        self.operations = nn.ModuleDict({name: layer_operation(name, dimensions, channels, affine=False) for name in candidates})
        self.norm = batch_norm(dimensions, channels)

    def forward(self, previous: Tensor, operation: OpenGates, skips: Sequence[Tensor]) -> Tensor:
        """previous, skips: (B, channels, ...) each, the skips already multiplied by their gates. Returns the same shape."""
        modules = list(self.operations.values())
        mixed = operation.mix([modules[number](previous) for number in operation.numbers])
        normalised: Tensor = self.norm(sum(skips, mixed))
        return normalised

    def fill(self, plain: LayerModule, layer: Layer) -> None:
        """Copies the weights of the layer's operation into its module."""
        copy_weights(self.operations[layer.operation], plain.operation)
        copy_weights(self.norm, plain.norm)


def _edges(layer: int, candidates: tuple[str, ...]) -> list[Edge]:
    """The edges of a layer: its operation, then its skips; each has its own target, so none compete."""
    operation, skips = operation_question(layer), [skip_question(layer, source) for source in range(1, layer)]
    return [Edge(operation, candidates, operation), *(Edge(skip, SKIPS, skip) for skip in skips)]
