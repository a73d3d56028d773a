"""ResNets (He et al. 2016, arXiv:1512.03385), and their counterpart for flat features."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.network.baselines.image_or_series import check_image_or_series, stem, stem_stride
from archwright.network.reduction_count import fitting_halvings
from archwright.ops.convolution import Bottleneck, ConvBatchNorm
from archwright.ops.drop_path import DropPath
from archwright.ops.pooling import GlobalAveragePool

FLAT_WIDTH = 256
BOTTLENECK_EXPANSION = 4


def resnet18(problem: Problem) -> nn.Module:
    """ResNet-18 (Table 1): 2 basic blocks in each of 4 stages."""
    return FlatResNet(problem, blocks=8, width=FLAT_WIDTH) if problem.dimensions == 0 else ResNet(problem, [2, 2, 2, 2])


def resnet50(problem: Problem) -> nn.Module:
    """ResNet-50 (Table 1): 3, 4, 6, 3 bottlenecks."""
    if problem.dimensions == 0:
        return FlatResNet(problem, blocks=24, width=FLAT_WIDTH)
    return ResNet(problem, [3, 4, 6, 3], bottleneck=True)


def resnet_tiny(problem: Problem) -> nn.Module:
    """Ten layers (one basic block per stage) with an eighth of ResNet-18's filters."""
    if problem.dimensions == 0:
        return FlatResNet(problem, blocks=4, width=FLAT_WIDTH // 8)
    return ResNet(problem, [1, 1, 1, 1], width=8)


class ResNet(nn.Module):
    """(B, C, L) or (B, C, H, W) -> (B, outputs). `blocks`: per stage; `width`: of the first stage, then doubled per stage.

    Differs: a stage halves the resolution only where the input is large enough for it.
    """

    def __init__(self, problem: Problem, blocks: Sequence[int], width: int = 64, *, bottleneck: bool = False) -> None:
        super().__init__()
        check_image_or_series(problem, "resnet")
        dimensions = problem.dimensions
        halvings = fitting_halvings(problem.input_shape, stem_stride(problem))
        self.stem = stem(problem, width)
        stages, inputs = [], width
        for i, depth in enumerate(blocks):
            outputs = width * 2**i * (BOTTLENECK_EXPANSION if bottleneck else 1)
            stride = 2 if 0 < i <= halvings else 1
            first = ResidualBlock(dimensions, inputs, outputs, stride, bottleneck=bottleneck)
            rest = [ResidualBlock(dimensions, outputs, outputs, bottleneck=bottleneck) for _ in range(depth - 1)]
            stages.append(nn.Sequential(first, *rest))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Sequential(GlobalAveragePool(), nn.Linear(inputs, problem.outputs))

    @property
    def auxiliary_point(self) -> nn.Module:
        """The second to last stage."""
        return self.stages[-2]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits


class ResidualBlock(nn.Module):
    """relu(F(x) + shortcut(x)) (eq. 1 and 2); the shortcut is a 1x1 convolution if the shape changes (option B)."""

    def __init__(self, dimensions: int, inputs: int, outputs: int, stride: int = 1, *, bottleneck: bool = False) -> None:
        super().__init__()
        if bottleneck:
            self.branch: nn.Sequential = Bottleneck(dimensions, inputs, outputs, 3, stride)
        else:
            self.branch = nn.Sequential(
                ConvBatchNorm(dimensions, inputs, outputs, 3, stride),
                ConvBatchNorm(dimensions, outputs, outputs, 3, activation="identity"),
            )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride > 1:
            self.shortcut = ConvBatchNorm(dimensions, inputs, outputs, 1, stride, activation="identity")
        self.drop_path = DropPath()
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.activation(self.drop_path(self.branch(x)) + self.shortcut(x))
        return activated


class FlatResNet(nn.Module):
    """The ResNet for flat features of Gorishniy et al. 2021, arXiv:2106.11959, section 3.2: (B, F) -> (B, outputs).

    Differs: drop-path, set by the training loop, instead of dropout inside a block, as in our other residual networks.
    """

    def __init__(self, problem: Problem, blocks: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Linear(problem.input_shape[0], width)
        self.blocks = nn.Sequential(*(FlatBlock(width) for _ in range(blocks)))
        self.classifier = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, problem.outputs))

    @property
    def auxiliary_point(self) -> nn.Module:
        """The block at two thirds of the depth."""
        return self.blocks[len(self.blocks) * 2 // 3]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.blocks(self.stem(x)))
        return logits


class FlatBlock(nn.Module):
    """x + Linear(ReLU(Linear(BatchNorm(x)))): (B, width) -> (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.drop_path(self.branch(x))
        return y
