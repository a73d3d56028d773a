"""A network of stacked cells (Zoph et al. 2018, arXiv:1707.07012, Fig. 2; Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.architecture.cell_graph import CellGraph, CellPair
from archwright.network.cell_node import NodeModule
from archwright.ops.convolution import FactorizedReduction, ReLUConvBatchNorm, batch_norm, conv
from archwright.ops.pooling import GlobalAveragePool

STEM_MULTIPLIER = 3
"""Channels of the stem divided by the filters of the first cell, as in DARTS."""


class CellNetwork(nn.Module):
    """Stem, stages of `repeats` normal cells separated by reduction cells, global average pooling, a linear layer.

    Each reduction halves the size and doubles the filters. x: (B, C, L) or (B, C, H, W). Returns (B, outputs).
    `normalise_pools`: adds a batch normalisation after each pooling, as in a supernet.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        pair: CellPair,
        *,
        reductions: int,
        repeats: int,
        filters: int,
        normalise_pools: bool = False,
    ) -> None:
        super().__init__()
        dimensions = len(input_shape) - 1
        wide = STEM_MULTIPLIER * filters
        self.stem = nn.Sequential(conv(dimensions, input_shape[0], wide, 3), batch_norm(dimensions, wide))
        self.cells = nn.ModuleList()
        before_last, last, halved = wide, wide, False
        for halves in halvings(reductions, repeats):
            filters = 2 * filters if halves else filters
            graph = pair.reduction if halves and pair.reduction else pair.normal
            cell = CellModule(
                graph,
                dimensions,
                before_last,
                last,
                filters,
                halves=halves,
                after_halving=halved,
                normalise_pools=normalise_pools,
            )
            self.cells.append(cell)
            before_last, last, halved = last, cell.outputs, halves
        self.pool = GlobalAveragePool()
        self.classifier = nn.Linear(last, outputs)

    @property
    def auxiliary_point(self) -> nn.Module:
        """The cell at two thirds of the depth, where DARTS attaches its auxiliary head."""
        return self.cells[max(0, min(2 * len(self.cells) // 3, len(self.cells) - 2))]

    def forward(self, x: Tensor) -> Tensor:
        before_last = last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        logits: Tensor = self.classifier(self.pool(last))
        return logits


def halvings(reductions: int, repeats: int) -> list[bool]:
    """For each cell, whether it halves the size: a stage, then for each reduction a reduction cell and another stage."""
    stage = [False] * repeats
    return stage + [True, *stage] * reductions


class CellModule(nn.Module):
    """One cell: both inputs mapped to `filters` channels, then the nodes, with all their outputs concatenated.

    before_last: (B, C0, ...), twice the size of `last` if `after_halving`. last: (B, C1, ...). Returns (B, outputs, ...), of half
    the size if the cell `halves`. Differs: NASNet and ENAS concatenate only the states that no node reads; here all of them are, as
    in DARTS.
    """

    def __init__(
        self,
        graph: CellGraph,
        dimensions: int,
        before_last: int,
        last: int,
        filters: int,
        *,
        halves: bool,
        after_halving: bool,
        normalise_pools: bool = False,
    ) -> None:
        super().__init__()
        self.outputs = len(graph.nodes) * filters
        read = {state for node in graph.nodes for state, _ in node.edges}
        align = FactorizedReduction if after_halving else ReLUConvBatchNorm
        self.before_last = align(dimensions, before_last, filters) if 0 in read else None
        self.last = ReLUConvBatchNorm(dimensions, last, filters) if 1 in read else None
        strides = (2 if halves else 1, 2 if halves else 1, *[1] * len(graph.nodes))
        self.nodes = nn.ModuleList(
            NodeModule(node, dimensions, filters, strides, normalise_pools=normalise_pools) for node in graph.nodes
        )

    def forward(self, before_last: Tensor, last: Tensor) -> Tensor:
        states = [
            before_last if self.before_last is None else self.before_last(before_last),
            last if self.last is None else self.last(last),
        ]
        for node in self.nodes:
            states.append(node(states, last))
        return torch.cat(states[2:], dim=1)
