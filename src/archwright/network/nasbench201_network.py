"""The macro skeleton of NAS-Bench-201 around a cell (Dong & Yang 2020, arXiv:2001.00326, section 2.1 and Fig. 1)."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.architecture.cell_graph import CellGraph
from archwright.network.cell_node import NodeModule
from archwright.ops.convolution import ReLUConvBatchNorm, batch_norm, conv
from archwright.ops.pooling import AVERAGE_POOLS, GlobalAveragePool

STAGES = 3


class NASBench201Network(nn.Module):
    """Stem, three stages of `repeats` cells separated by residual blocks of stride 2, global average pooling, linear layer.

    x: (B, C, L) or (B, C, H, W). Returns (B, outputs).
    """

    def __init__(self, input_shape: tuple[int, ...], outputs: int, graph: CellGraph, *, repeats: int, filters: int) -> None:
        super().__init__()
        dimensions = len(input_shape) - 1
        self.stem = nn.Sequential(conv(dimensions, input_shape[0], filters, 3), batch_norm(dimensions, filters))
        self.stages = nn.ModuleList()
        for stage in range(STAGES):
            before, filters = filters, filters * (2 if stage else 1)
            reduction = [ResidualReduction(dimensions, before, filters)] if stage else []
            cells = [NASBench201Cell(graph, dimensions, filters) for _ in range(repeats)]
            self.stages.append(nn.Sequential(*reduction, *cells))
        self.last = nn.Sequential(batch_norm(dimensions, filters), nn.ReLU(), GlobalAveragePool())
        self.classifier = nn.Linear(filters, outputs)

    @property
    def auxiliary_point(self) -> nn.Module:
        """The second of the three stages."""
        return self.stages[1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.classifier(self.last(x))
        return logits


class NASBench201Cell(nn.Module):
    """Each node is the sum of one operation on each earlier node; the last node is the output. (B, C, ...) -> (B, C, ...)."""

    def __init__(self, graph: CellGraph, dimensions: int, channels: int) -> None:
        super().__init__()
        strides = (1,) * (1 + len(graph.nodes))
        self.nodes = nn.ModuleList(NodeModule(node, dimensions, channels, strides) for node in graph.nodes)

    def forward(self, x: Tensor) -> Tensor:
        states = [x]
        for node in self.nodes:
            states.append(node(states, x))
        return states[-1]


class ResidualReduction(nn.Module):
    """A basic residual block of stride 2, whose shortcut is an average pooling and a 1x1 convolution.

    (B, inputs, ...) -> (B, outputs, ceil(... / 2)). The shortcut's pooling has a window of 2; an odd last row is pooled alone.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReLUConvBatchNorm(dimensions, inputs, outputs, 3, 2),
            ReLUConvBatchNorm(dimensions, outputs, outputs, 3),
        )
        pool = AVERAGE_POOLS[dimensions](2, 2, ceil_mode=True, count_include_pad=False)
        self.shortcut = nn.Sequential(pool, conv(dimensions, inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        reduced: Tensor = self.shortcut(x) + self.body(x)
        return reduced
