"""The whole networks of ENAS, layers with skip connections among them (Pham et al. 2018, arXiv:1802.03268, section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from archwright.architecture.layer_graph import Layer, LayerGraph
from archwright.ops.candidate_operations import candidate
from archwright.ops.convolution import FactorizedReduction, ReLUConvBatchNorm, SeparableConv, batch_norm, conv
from archwright.ops.drop_path import DropPath
from archwright.ops.pooling import GlobalAveragePool

SEPARABLE = {"sep_conv_3x3": 3, "sep_conv_5x5": 5}
"""The separable convolutions and their kernels."""


class EnasMacroNetwork(nn.Module):
    """Stem, layers, global average pooling, a linear layer. x: (B, C, L) or (B, C, H, W). Returns (B, outputs).

    With x_0 the stem's output and S_k the earlier layers that layer k adds,

        x_k = BN(operation_k(x_(k-1)) + sum over j in S_k of x_j).

    After each third of the layers (for two reductions) the outputs of all earlier layers are halved, each by a factorized reduction
    of its own, and filters double. What is halved already is halved again; what no layer behind reads is not.
    Differs: the paper concatenates the skipped layers' outputs along the channels. The authors' code (melodyguan/enas,
    general_child.py) adds them up and normalises the sum while weights are shared, and only the final network has a 1x1
    convolution of what is concatenated. Here it is the sum in both, so that the final network is the one that was judged, and costs
    the same however many skips it has. There the filters double in the final network only; here always, for the same reason.
    """

    def __init__(self, input_shape: tuple[int, ...], outputs: int, graph: LayerGraph) -> None:
        super().__init__()
        dimensions = len(input_shape) - 1
        self.graph, self.levels = graph, graph.levels
        self.stem = stem(dimensions, input_shape[0], graph.filters)
        self.reductions = halvings_of(dimensions, graph)
        self.layers = nn.ModuleList(
            LayerModule(layer, dimensions, graph.filters * 2**level)
            for layer, level in zip(graph.layers, self.levels[1:], strict=True)
        )
        self.pool = GlobalAveragePool()
        self.classifier = nn.Linear(graph.filters * 2**graph.reductions, outputs)

    @property
    def auxiliary_point(self) -> nn.Module:
        """The layer at two thirds of the depth."""
        return self.layers[max(0, 2 * len(self.layers) // 3 - 1)]

    def forward(self, x: Tensor) -> Tensor:
        states = States(self.stem(x), self.reductions)
        for k, module in enumerate(self.layers, 1):
            level, skips = self.levels[k], self.graph.layers[k - 1].skips
            states.add(module(states.at(k - 1, level), [states.at(j, level) for j in skips]), level)
        logits: Tensor = self.classifier(self.pool(states.last))
        return logits


def stem(dimensions: int, inputs: int, filters: int) -> nn.Sequential:
    """A 3x3 convolution, normalised."""
    return nn.Sequential(conv(dimensions, inputs, filters, 3), batch_norm(dimensions, filters))


def halvings_of(dimensions: int, graph: LayerGraph, *, affine: bool = True) -> nn.ModuleList:
    """For each reduction those of the states that are halved there, by number."""
    widths = [graph.filters * 2**level for level in range(graph.reductions + 1)]
    return nn.ModuleList(
        nn.ModuleDict({str(state): FactorizedReduction(dimensions, *widths[level : level + 2], affine=affine) for state in states})
        for level, states in enumerate(graph.halved)
    )


class States:
    """What stem and layers give in one pass, at every size at which it is read; each is halved when it is first read so."""

    def __init__(self, stem: Tensor, reductions: nn.ModuleList) -> None:
        self.last = stem
        self._found = {(0, 0): stem}
        self._count = 1
        self._reductions = reductions

    def add(self, state: Tensor, level: int) -> None:
        """The next layer's output, after so many halvings."""
        self._found[self._count, level] = self.last = state
        self._count += 1

    def at(self, state: int, level: int) -> Tensor:
        """The state of this number, halved so often: (B, filters, ...)."""
        if (state, level) not in self._found:
            reduction = cast(nn.ModuleDict, self._reductions[level - 1])[str(state)]
            self._found[state, level] = reduction(self.at(state, level - 1))
        return self._found[state, level]


class LayerModule(nn.Module):
    """One layer: its operation on the layer before, the skips added, all normalised; the operation under drop-path beside skips.

    previous, skips: (B, channels, ...) each, returned in the same shape.
    """

    def __init__(self, layer: Layer, dimensions: int, channels: int) -> None:
        super().__init__()
        self.operation = layer_operation(layer.operation, dimensions, channels)
        self.drop_path = DropPath() if layer.skips else nn.Identity()
        self.norm = batch_norm(dimensions, channels)

    def forward(self, previous: Tensor, skips: Sequence[Tensor]) -> Tensor:
        normalised: Tensor = self.norm(sum(skips, self.drop_path(self.operation(previous))))
        return normalised


def layer_operation(name: str, dimensions: int, channels: int, *, affine: bool = True) -> nn.Sequential:
    """ReLU, 1x1 convolution, batch normalisation, then the operation `name`: (B, channels, ...), returned in the same shape.

    So in the authors' code, where a separable convolution is applied once, not twice as in cells. Each ends in a normalisation.
    """
    if name in SEPARABLE:
        operation: nn.Module = SeparableConv(dimensions, channels, SEPARABLE[name], affine=affine, times=1)
    else:
        operation = candidate(name, dimensions, channels, affine=affine, normalise_pools=True)
    return nn.Sequential(ReLUConvBatchNorm(dimensions, channels, channels, affine=affine), operation)
