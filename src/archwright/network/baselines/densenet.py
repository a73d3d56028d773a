"""DenseNet-BC with 100 layers and growth rate 12 (Huang et al. 2017, arXiv:1608.06993, section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.network.baselines.image_or_series import check_image_or_series, stem_stride
from archwright.network.reduction_count import fitting_halvings
from archwright.ops.convolution import batch_norm, conv
from archwright.ops.pooling import GlobalAveragePool, average_pool, max_pool

GROWTH = 12
LAYERS = 16
"""Layers, of two convolutions each, per dense block: 3 x 32 + first convolution + 2 transitions + linear = 100."""
BLOCKS = 3


def densenet(problem: Problem) -> nn.Module:
    """DenseNet-BC with 0.8 million weights."""
    check_image_or_series(problem, "densenet")
    return DenseNet(problem)


class DenseNet(nn.Module):
    """(B, C, L) or (B, C, H, W) -> (B, outputs).

    Differs: on large inputs the first convolution is 7x7 with stride 2 and a pooling follows, as in the paper's ImageNet
    networks; a transition pools only where the input is large enough for it.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        dimensions, width = problem.dimensions, 2 * GROWTH
        halvings = fitting_halvings(problem.input_shape, stem_stride(problem))
        stages: list[nn.Module] = [_stem(problem, width)]
        for i in range(BLOCKS):
            stages += [DenseLayer(dimensions, width + j * GROWTH) for j in range(LAYERS)]
            width += LAYERS * GROWTH
            if i < BLOCKS - 1:
                stages.append(_transition(dimensions, width, pooled=i < halvings))
                width //= 2
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Sequential(
            batch_norm(dimensions, width), nn.ReLU(), GlobalAveragePool(), nn.Linear(width, problem.outputs)
        )

    @property
    def auxiliary_point(self) -> nn.Module:
        """The second of the two transitions."""
        return self.stages[2 * (LAYERS + 1)]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.stages(x))
        return logits


class DenseLayer(nn.Module):
    """BN-ReLU-1x1 to 4 x growth channels, BN-ReLU-3x3 to growth, concatenated to the input: (B, C, ...) -> (B, C + GROWTH, ...)."""

    def __init__(self, dimensions: int, inputs: int) -> None:
        super().__init__()
        narrow = 4 * GROWTH
        self.branch = nn.Sequential(
            batch_norm(dimensions, inputs),
            nn.ReLU(),
            conv(dimensions, inputs, narrow),
            batch_norm(dimensions, narrow),
            nn.ReLU(),
            conv(dimensions, narrow, GROWTH, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch(x)], dim=1)


def _stem(problem: Problem, width: int) -> nn.Module:
    dimensions, channels = problem.dimensions, problem.input_shape[0]
    if stem_stride(problem) == 1:
        return conv(dimensions, channels, width, 3)
    normalised = [batch_norm(dimensions, width), nn.ReLU(), max_pool(dimensions, 3, 2)]
    return nn.Sequential(conv(dimensions, channels, width, 7, 2), *normalised)


def _transition(dimensions: int, inputs: int, *, pooled: bool) -> nn.Sequential:
    """Batch norm, ReLU, 1x1 to half the channels (compression 0.5), average pooling."""
    pool = [average_pool(dimensions, 3, 2)] if pooled else []
    return nn.Sequential(batch_norm(dimensions, inputs), nn.ReLU(), conv(dimensions, inputs, inputs // 2), *pool)
