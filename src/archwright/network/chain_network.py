"""The module of a chain: stem, stages, mean over positions, one linear layer. The same for flat features, series and images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.network.chain_description import Chain, ChainStage
from archwright.ops.activation import activation as make_activation
from archwright.ops.convolution import Bottleneck, ConvBatchNorm, MBConv, conv
from archwright.ops.drop_path import DropPath
from archwright.ops.pooling import GlobalAveragePool, average_pool, max_pool

BOTTLENECK_REDUCTION = 2
"""Differs: He et al. reduce 256 or more channels to a quarter; a quarter of our 16 would be only 4."""


class ChainNetwork(nn.Module):
    """(B, *input_shape) -> (B, outputs), as `chain` describes.

    input_shape: (F,), (C, L) or (C, H, W).
    """

    def __init__(self, chain: Chain, input_shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        dimensions = len(input_shape) - 1
        widths = [stage.width for stage in chain.stages]
        self.stem = stem(dimensions, input_shape[0], widths[0], chain.stem_stride, chain.activation)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    transition(dimensions, widths[i - 1], stage, activation=chain.activation) if i > 0 else nn.Identity(),
                    _body(dimensions, stage, chain.activation),
                )
                for i, stage in enumerate(chain.stages)
            )
        )
        self.pool = GlobalAveragePool() if dimensions > 0 else nn.Identity()
        self.classifier = nn.Linear(widths[-1], outputs)

    @property
    def auxiliary_point(self) -> nn.Module:
        """The stage that ends at approximately two thirds of the depth."""
        return self.stages[max(0, round(len(self.stages) * 2 / 3) - 1)]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.stages(self.stem(x))))
        return logits


def stem(dimensions: int, inputs: int, width: int, stride: int, activation: str) -> nn.Sequential:
    """One 3x3 convolution, or several of stride 2 with a total stride of `stride`; for flat features one linear layer."""
    if dimensions == 0:
        return nn.Sequential(LinearBatchNorm(inputs, width), make_activation(activation))
    halvings = max(1, stride.bit_length() - 1)
    return nn.Sequential(
        *(
            ConvBatchNorm(dimensions, inputs if i == 0 else width, width, 3, min(stride, 2), activation=activation)
            for i in range(halvings)
        )
    )


def transition(dimensions: int, inputs: int, stage: ChainStage, *, activation: str) -> nn.Sequential:
    """From the previous width to the width of this stage, at half the resolution if the stage pools. The first stage has none.

    Differs: ResNets change the shape inside the first block, which then needs a projection shortcut. Here every block keeps its
    shape, so that plain, residual and dense connections are free choices. Even if the width stays the same, a 1x1 convolution
    follows the pooling: otherwise only some widths would have this layer, and it could not be shared by all of them.
    """
    if dimensions == 0:
        return nn.Sequential(LinearBatchNorm(inputs, stage.width), make_activation(activation))
    if stage.pooling == "stride":
        return ConvBatchNorm(dimensions, inputs, stage.width, 3, 2, activation=activation)
    pools = {"max": max_pool, "average": average_pool}
    pool = [pools[stage.pooling](dimensions, 3, 2)] if stage.pooling else []
    return nn.Sequential(*pool, ConvBatchNorm(dimensions, inputs, stage.width, 1, activation=activation))


def _body(dimensions: int, stage: ChainStage, activation: str) -> nn.Module:
    if stage.connectivity == "dense":
        return DenseBlocks(dimensions, stage, activation)
    return nn.Sequential(*(Block(dimensions, stage, activation) for _ in range(stage.depth)))


class Block(nn.Module):
    """A stage's operation, plus its input if the stage is residual (He et al. 2016, eq. 1).

    From `width` to `width`; in a dense stage, block `number` reads the stage's input and all previous blocks, and adds
    `growth` channels.
    """

    def __init__(self, dimensions: int, stage: ChainStage, activation: str, number: int = 0) -> None:
        super().__init__()
        dense = stage.connectivity == "dense"
        inputs, outputs = (dense_width(stage, number), growth(stage)) if dense else (stage.width, stage.width)
        self.branch = branch(dimensions, stage, inputs, outputs, activation)
        self.drop_path = DropPath() if stage.connectivity == "residual" else None
        self.activation = _after(stage, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, self.branch(x))

    @property
    def layers(self) -> list[nn.Module]:
        """The branch, split into parts that each end in a batch norm with or without activation."""
        return [self.branch] if isinstance(self.branch, LinearBatchNorm) else list(self.branch)

    def join(self, x: Tensor, y: Tensor) -> Tensor:
        """The block's output, given its input x and the output y of its branch."""
        if self.drop_path is not None:
            y = x + self.drop_path(y)
        activated: Tensor = self.activation(y)
        return activated


class DenseBlocks(nn.Module):
    """Each block reads all previous ones and adds half the width in channels; a final 1x1 convolution restores the width.

    After Huang et al. 2017, arXiv:1608.06993. There are thus at most (1 + depth / 2) x width channels, whatever the input.
    """

    def __init__(self, dimensions: int, stage: ChainStage, activation: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dimensions, stage, activation, number) for number in range(stage.depth))
        self.compress = compression(dimensions, stage, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = torch.cat([x, block(x)], dim=1)
        compressed: Tensor = self.compress(x)
        return compressed


def growth(stage: ChainStage) -> int:
    """The number of channels that each block of a dense stage adds."""
    return (stage.width + 1) // 2


def dense_width(stage: ChainStage, blocks: int) -> int:
    """The number of channels in a dense stage after `blocks` blocks."""
    return stage.width + blocks * growth(stage)


def compression(dimensions: int, stage: ChainStage, *, activation: str) -> nn.Sequential:
    """The end of a dense stage: from all channels of its blocks back to its width."""
    inputs = dense_width(stage, stage.depth)
    if dimensions == 0:
        return nn.Sequential(LinearBatchNorm(inputs, stage.width), make_activation(activation))
    return ConvBatchNorm(dimensions, inputs, stage.width, 1, activation=activation)


def branch(dimensions: int, stage: ChainStage, inputs: int, outputs: int, activation: str) -> nn.Sequential:
    """The stage's operation from `inputs` to `outputs` channels at stride 1, ending in a batch norm without activation."""
    kernel = stage.kernel or 3
    match stage.operation:
        case "linear":
            return LinearBatchNorm(inputs, outputs)
        case "conv":
            return _pair(ConvBatchNorm, dimensions, inputs, outputs, kernel, activation)
        case "separable":
            return _pair(SeparableBatchNorm, dimensions, inputs, outputs, kernel, activation)
        case "bottleneck":
            return Bottleneck(dimensions, inputs, outputs, kernel, activation=activation, reduction=BOTTLENECK_REDUCTION)
        case "mbconv":
            return MBConv(dimensions, inputs, outputs, kernel, activation=activation, expansion=stage.expansion or 2)


def _pair(
    layer: type[ConvBatchNorm | SeparableBatchNorm], dimensions: int, inputs: int, outputs: int, kernel: int, activation: str
) -> nn.Sequential:
    """Two layers with one activation between them (He et al. 2016, Fig. 5 left)."""
    return nn.Sequential(
        layer(dimensions, inputs, outputs, kernel, activation=activation),
        layer(dimensions, outputs, outputs, kernel, activation="identity"),
    )


def _after(stage: ChainStage, activation: str) -> nn.Module:
    """The activation after a block: none for MBConv (linear bottlenecks, Sandler et al. 2018, section 3.2)."""
    return nn.Identity() if stage.operation == "mbconv" else make_activation(activation)


class LinearBatchNorm(nn.Sequential):
    """The counterpart of a convolution for flat features: (B, inputs) -> (B, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs))


class SeparableBatchNorm(nn.Sequential):
    """One filter per channel, then 1x1 across channels (Howard et al. 2017, arXiv:1704.04861); same signature as ConvBatchNorm.

    Differs: normalised and activated only at the end, not after the depthwise filters (Chollet 2017, arXiv:1610.02357,
    Fig. 10, found the intermediate activation harmful).
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, kernel: int, *, activation: str) -> None:
        super().__init__(
            conv(dimensions, inputs, inputs, kernel, groups=inputs),
            ConvBatchNorm(dimensions, inputs, outputs, 1, activation=activation),
        )
