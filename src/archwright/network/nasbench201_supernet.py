"""All cells of NAS-Bench-201 in one network, mixed by gates (Dong & Yang 2020, arXiv:2001.00326, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_graph import CellGraph
from archwright.architecture.question import Option
from archwright.network.nasbench201_network import STAGES, NASBench201Cell, NASBench201Network, ResidualReduction
from archwright.network.shared_weights import check_extractable, check_gates, copy_nodes, copy_weights, plain_module
from archwright.network.supernet import Choice, Edge, Mixture
from archwright.ops.convolution import batch_norm, conv
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_nodes import MixedNodes, active_gates
from archwright.ops.pooling import GlobalAveragePool

NODES = 3
"""The nodes apart from node 0, the cell's input."""


class NASBench201Supernet(nn.Module):
    """The skeleton of NASBench201Network with all candidates on all edges of its cells; all cells share their gates.

    Edges have the names of the space's questions. `describe` returns an architecture's cell, `compose` creates an architecture from
    answers. x: (B, C, L) or (B, C, H, W), gates: (edges, candidates). Returns (B, outputs).
    `auxiliary_skip`: adds a skip connection to each edge (DARTS-), whose weight is the attribute of this name, 1 at first.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        candidates: Sequence[str],
        *,
        describe: Callable[[Architecture], CellGraph],
        compose: Callable[[dict[str, Option]], Architecture],
        repeats: int,
        filters: int,
        partial_channels: int = 1,
        auxiliary_skip: bool = False,
    ) -> None:
        super().__init__()
        self.skeleton = {"repeats": repeats, "filters": filters}
        self.input_shape, self.outputs = input_shape, outputs
        self.describe, self.compose = describe, compose
        self.partial_channels = partial_channels
        self.auxiliary_skip = 1.0 if auxiliary_skip else 0.0
        self.mixture = Mixture(
            tuple(
                Edge(f"{source}->{target}", tuple(candidates), str(target))
                for target in range(1, 1 + NODES)
                for source in range(target)
            ),
            {},
        )
        dimensions = len(input_shape) - 1
        self.stem = nn.Sequential(conv(dimensions, input_shape[0], filters, 3), batch_norm(dimensions, filters))
        self.layers = nn.ModuleList()
        for stage in range(STAGES):
            before, filters = filters, filters * (2 if stage else 1)
            self.layers.extend([ResidualReduction(dimensions, before, filters)] if stage else [])
            for _ in range(repeats):
                nodes = MixedNodes(
                    candidates,
                    dimensions,
                    filters,
                    (1,),
                    NODES,
                    normalise_pools=False,
                    partial_channels=partial_channels,
                    auxiliary_skip=auxiliary_skip,
                )
                self.layers.append(nodes)
        self.last = nn.Sequential(batch_norm(dimensions, filters), nn.ReLU(), GlobalAveragePool())
        self.classifier = nn.Linear(filters, outputs)

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """Raises ShapeError unless gates are (edges, candidates)."""
        check_gates(gates, self.mixture)
        active = active_gates(gates)
        x = self.stem(channels_last(x))
        for layer in self.layers:
            x = layer([x], gates, active, self.auxiliary_skip)[-1] if isinstance(layer, MixedNodes) else layer(x)
        logits: Tensor = self.classifier(self.last(x))
        return logits

    def gates_of(self, architecture: Architecture) -> Tensor:
        """(edges, candidates): one for each edge's operation."""
        return self.mixture.one_hot([(name, str(operation)) for name, operation in architecture.answers.items()])

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises UnknownAnswer unless each edge has an operation."""
        return self.compose({edge.name: choice[edge.name] for edge in self.mixture.edges if edge.name in choice})

    def extract(self, architecture: Architecture) -> NASBench201Network:
        """Raises InputError if only part of the channels is mixed."""
        check_extractable(self.partial_channels)
        graph = self.describe(architecture)
        plain = plain_module(self, lambda: NASBench201Network(self.input_shape, self.outputs, graph, **self.skeleton))
        for name in ("stem", "last", "classifier"):
            copy_weights(getattr(self, name), getattr(plain, name))
        layers = [layer for stage in plain.stages for layer in stage.children()]
        for shared, layer in zip(self.layers, layers, strict=True):
            _copy_layer(shared, layer, graph)
        return plain


def _copy_layer(shared: nn.Module, layer: nn.Module, graph: CellGraph) -> None:
    if isinstance(shared, MixedNodes) and isinstance(layer, NASBench201Cell):
        copy_nodes(shared, layer.nodes, graph)
    else:
        copy_weights(shared, layer)
