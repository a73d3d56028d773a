"""VGG-16 (Simonyan & Zisserman 2015, arXiv:1409.1556, Table 1, configuration D)."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.network.baselines.image_or_series import check_image_or_series
from archwright.network.reduction_count import fitting_halvings
from archwright.ops.convolution import ConvBatchNorm
from archwright.ops.pooling import GlobalAveragePool, max_pool

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Width and number of 3x3 convolutions per stage."""


def vgg(problem: Problem) -> nn.Module:
    """VGG-16 with batch normalisation: thirteen convolutions and one linear layer."""
    check_image_or_series(problem, "vgg")
    return VGG(problem)


class VGG(nn.Module):
    """(B, C, L) or (B, C, H, W) -> (B, outputs).

    Differs: batch normalisation after each convolution; global average pooling and one linear layer instead of three linear
    layers, which held 124 of the 138 million weights; only as many poolings as the input size allows, the first ones.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        dimensions, halvings = problem.dimensions, fitting_halvings(problem.input_shape)
        stages, inputs = [], problem.input_shape[0]
        for i, (width, depth) in enumerate(STAGES):
            layers: list[nn.Module] = [ConvBatchNorm(dimensions, inputs if j == 0 else width, width) for j in range(depth)]
            stages.append(nn.Sequential(*layers, *([max_pool(dimensions, 3, 2)] if i < halvings else [])))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Sequential(GlobalAveragePool(), nn.Linear(inputs, problem.outputs))

    @property
    def auxiliary_point(self) -> nn.Module:
        """The fourth of five stages."""
        return self.stages[3]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.stages(x))
        return logits
