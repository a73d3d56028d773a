"""The macro search space networks of ENAS: layers with skip connections (Pham et al. 2018, arXiv:1802.03268, section 2.3)."""

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

    With x_0 the stem's output and S_k the earlier layers added to layer k,

        x_k = BN(operation_k(x_(k-1)) + sum over j in S_k of x_j).

    After each third of the layers (for two reductions) the outputs of all earlier layers are halved, each by its own factorized
    reduction, and the filters double. Outputs that are already halved are halved again; those that no later layer reads are not.
    Differs: the paper concatenates the outputs of the skip connections along the channels. The authors' code (melodyguan/enas,
    general_child.py) sums and normalises them while weights are shared, and only the final network applies a 1x1
    convolution to their concatenation. Here both use the sum, so that the final network is the one that was evaluated, and its cost
    does not depend on the number of skips. There the filters double in the final network only; here always, for the same reason.
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
    """A 3x3 convolution and a batch normalisation."""
    return nn.Sequential(conv(dimensions, inputs, filters, 3), batch_norm(dimensions, filters))


def halvings_of(dimensions: int, graph: LayerGraph, *, affine: bool = True) -> nn.ModuleList:
    """For each reduction, the modules that halve the states there, by the state's number."""
    widths = [graph.filters * 2**level for level in range(graph.reductions + 1)]
    return nn.ModuleList(
        nn.ModuleDict({str(state): FactorizedReduction(dimensions, *widths[level : level + 2], affine=affine) for state in states})
        for level, states in enumerate(graph.halved)
    )


class States:
    """The outputs of stem and layers in one pass, at every size at which they are read; each is halved on first use."""

    def __init__(self, stem: Tensor, reductions: nn.ModuleList) -> None:
        self.last = stem
        self._found = {(0, 0): stem}
        self._count = 1
        self._reductions = reductions

    def add(self, state: Tensor, level: int) -> None:
        """Adds the next layer's output, which has been halved `level` times."""
        self._found[self._count, level] = self.last = state
        self._count += 1

    def at(self, state: int, level: int) -> Tensor:
        """State number `state`, halved `level` times: (B, filters, ...)."""
        if (state, level) not in self._found:
            reduction = cast(nn.ModuleDict, self._reductions[level - 1])[str(state)]
            self._found[state, level] = reduction(self.at(state, level - 1))
        return self._found[state, level]


class LayerModule(nn.Module):
    """One layer: its operation on the previous layer plus the skips, normalised; drop-path on the operation if there are skips.

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

    As in the authors' code, where a separable convolution is applied once, not twice as in cells. Each ends with a normalisation.
    """
    if name in SEPARABLE:
        operation: nn.Module = SeparableConv(dimensions, channels, SEPARABLE[name], affine=affine, times=1)
    else:
        operation = candidate(name, dimensions, channels, affine=affine, normalise_pools=True)
    return nn.Sequential(ReLUConvBatchNorm(dimensions, channels, channels, affine=affine), operation)
