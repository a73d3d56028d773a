"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842, Table 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.network.baselines.image_or_series import check_image_or_series, stem, stem_stride
from archwright.network.reduction_count import fitting_halvings
from archwright.ops.convolution import ConvBatchNorm
from archwright.ops.pooling import GlobalAveragePool, max_pool

# Table 1, one row per module: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
STEM_WIDTH, FIRST_WIDTH = 64, 192
DROPOUT = 0.4


def googlenet(problem: Problem) -> nn.Module:
    """GoogLeNet with nine inception modules."""
    check_image_or_series(problem, "googlenet")
    return GoogLeNet(problem)


class GoogLeNet(nn.Module):
    """(B, C, L) or (B, C, H, W) -> (B, outputs).

    Differs: batch normalisation after each convolution in place of local response normalisation (Ioffe & Szegedy 2015); a 3x3
    stem and fewer poolings on small inputs; the auxiliary classifiers belong to the training, not to the network.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        dimensions = problem.dimensions
        self.stem = nn.Sequential(
            stem(problem, STEM_WIDTH),
            ConvBatchNorm(dimensions, STEM_WIDTH, STEM_WIDTH, 1),
            ConvBatchNorm(dimensions, STEM_WIDTH, FIRST_WIDTH),
        )
        poolings = ("3a", "4a", "5a") if stem_stride(problem) > 1 else ("4a", "5a")
        pooled = poolings[: fitting_halvings(problem.input_shape, stem_stride(problem))]
        inputs, self.inceptions = FIRST_WIDTH, nn.ModuleDict()
        for name, widths in INCEPTIONS.items():
            pool = [max_pool(dimensions, 3, 2)] if name in pooled else []
            self.inceptions[name] = nn.Sequential(*pool, Inception(dimensions, inputs, widths))
            inputs = widths[0] + widths[2] + widths[4] + widths[5]
        self.classifier = nn.Sequential(GlobalAveragePool(), nn.Dropout(DROPOUT), nn.Linear(inputs, problem.outputs))

    @property
    def auxiliary_point(self) -> nn.Module:
        """Inception 4d, where the paper has its second auxiliary classifier."""
        return self.inceptions["4d"]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for inception in self.inceptions.values():
            x = inception(x)
        logits: Tensor = self.classifier(x)
        return logits


class Inception(nn.Module):
    """Four parallel branches (Fig. 2b). widths: a row of Table 1. (B, inputs, ...) -> (B, sum of branches, ...)."""

    def __init__(self, dimensions: int, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, projection = widths
        self.branches = nn.ModuleList(
            [
                ConvBatchNorm(dimensions, inputs, one, 1),
                nn.Sequential(ConvBatchNorm(dimensions, inputs, reduce3, 1), ConvBatchNorm(dimensions, reduce3, three, 3)),
                nn.Sequential(ConvBatchNorm(dimensions, inputs, reduce5, 1), ConvBatchNorm(dimensions, reduce5, five, 5)),
                nn.Sequential(max_pool(dimensions, 3), ConvBatchNorm(dimensions, inputs, projection, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)
