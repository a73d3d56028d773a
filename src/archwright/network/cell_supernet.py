"""All cells of a space in one network, mixed by gates (Liu et al. 2019, arXiv:1806.09055, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_graph import CellGraph, CellPair
from archwright.network.cell_mixture import cell_mixture, chosen_cells, connections
from archwright.network.cell_network import STEM_MULTIPLIER, CellModule, CellNetwork, halvings
from archwright.network.shared_weights import check_extractable, check_gates, copy_nodes, copy_weights, plain_module
from archwright.network.supernet import Choice
from archwright.ops.convolution import FactorizedReduction, ReLUConvBatchNorm, batch_norm, conv
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_nodes import MixedNodes, active_gates
from archwright.ops.node_terms import Active
from archwright.ops.pooling import GlobalAveragePool

NORMAL, REDUCTION = "normal", "reduction"


class CellSupernet(nn.Module):
    """The skeleton of CellNetwork with all candidates on all edges of its cells; cells of the same kind share their gates.

    `describe` returns an architecture's cells and `compose` is its inverse; `kinds` of cells: a normal and a reduction cell, or the
    normal one at both strides. x: (B, C, L) or (B, C, H, W), gates: (edges, candidates). Returns (B, outputs).
    `auxiliary_skip`: adds a skip connection to each edge (DARTS-), whose weight is the attribute of this name, 1 at first.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        candidates: Sequence[str],
        *,
        describe: Callable[[Architecture], CellPair],
        compose: Callable[[CellPair], Architecture],
        kinds: tuple[str, ...],
        blocks: int,
        reductions: int,
        repeats: int,
        filters: int,
        partial_channels: int = 1,
        auxiliary_skip: bool = False,
    ) -> None:
        super().__init__()
        self.skeleton = {"reductions": reductions, "repeats": repeats, "filters": filters}
        self.input_shape, self.outputs = input_shape, outputs
        self.describe, self.compose = describe, compose
        self.kinds, self.blocks = kinds, blocks
        self.cell_kinds = [kinds[-1] if halves else kinds[0] for halves in halvings(reductions, repeats)]
        self.partial_channels = partial_channels
        self.auxiliary_skip = 1.0 if auxiliary_skip else 0.0
        self.mixture = cell_mixture(kinds, blocks, tuple(candidates))
        dimensions = len(input_shape) - 1
        wide = STEM_MULTIPLIER * filters
        self.stem = nn.Sequential(conv(dimensions, input_shape[0], wide, 3), batch_norm(dimensions, wide))
        self.cells = nn.ModuleList()
        before_last, last, halved = wide, wide, False
        for halves in halvings(reductions, repeats):
            filters = 2 * filters if halves else filters
            strides = (2, 2) if halves else (1, 1)
            nodes = MixedNodes(
                candidates,
                dimensions,
                filters,
                strides,
                blocks,
                normalise_pools=True,
                partial_channels=partial_channels,
                auxiliary_skip=auxiliary_skip,
            )
            self.cells.append(MixedCell(nodes, dimensions, before_last, last, filters, after_halving=halved))
            before_last, last, halved = last, blocks * filters, halves
        self.pool = GlobalAveragePool()
        self.classifier = nn.Linear(last, outputs)

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """Raises ShapeError unless gates are (edges, candidates)."""
        check_gates(gates, self.mixture)
        active = active_gates(gates)
        rows = len(self.mixture.edges) // len(self.kinds)
        shared = {kind: slice(i * rows, (i + 1) * rows) for i, kind in enumerate(self.kinds)}
        before_last = last = self.stem(channels_last(x))
        for cell, kind in zip(self.cells, self.cell_kinds, strict=True):
            own = shared[kind]
            before_last, last = last, cell(before_last, last, gates[own], active[own], self.auxiliary_skip)
        logits: Tensor = self.classifier(self.pool(last))
        return logits

    def gates_of(self, architecture: Architecture) -> Tensor:
        """(edges, candidates): one for each connection, two if an operation reads the same state twice."""
        return self.mixture.one_hot(connections(self.describe(architecture)))

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises InputError unless two edges into each node are chosen."""
        return self.compose(chosen_cells(self.kinds, self.blocks, choice))

    def extract(self, architecture: Architecture) -> CellNetwork:
        """Its poolings are normalised, as in the supernet. Raises InputError if only part of the channels is mixed."""
        check_extractable(self.partial_channels)
        pair = self.describe(architecture)
        plain = plain_module(self, lambda: CellNetwork(self.input_shape, self.outputs, pair, normalise_pools=True, **self.skeleton))
        copy_weights(self.stem, plain.stem)
        for shared, cell, kind in zip(self.cells, plain.cells, self.cell_kinds, strict=True):
            graph = pair.reduction if kind == REDUCTION and pair.reduction else pair.normal
            _copy_cell(cast(MixedCell, shared), cast(CellModule, cell), graph)
        copy_weights(self.classifier, plain.classifier)
        return plain


class MixedCell(nn.Module):
    """One cell, as CellModule: both inputs mapped to `filters` channels, then the mixed nodes, with all outputs concatenated."""

    def __init__(
        self, nodes: MixedNodes, dimensions: int, before_last: int, last: int, filters: int, *, after_halving: bool
    ) -> None:
        super().__init__()
        align = FactorizedReduction if after_halving else ReLUConvBatchNorm
        self.before_last: nn.Module = align(dimensions, before_last, filters, affine=False)
        self.last = ReLUConvBatchNorm(dimensions, last, filters, affine=False)
        self.nodes = nodes

    def forward(self, before_last: Tensor, last: Tensor, gates: Tensor, active: Active, auxiliary: float) -> Tensor:
        read = self.nodes.reads(active)
        inputs = [self.before_last(before_last) if 0 in read else before_last, self.last(last) if 1 in read else last]
        return torch.cat(self.nodes(inputs, gates, active, auxiliary), dim=1)


def _copy_cell(shared: MixedCell, plain: CellModule, graph: CellGraph) -> None:
    for mixed, alone in ((shared.before_last, plain.before_last), (shared.last, plain.last)):
        if alone is not None:
            copy_weights(mixed, alone)
    copy_nodes(shared.nodes, plain.nodes, graph)
