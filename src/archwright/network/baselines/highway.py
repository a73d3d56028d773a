"""Highway networks (Srivastava, Greff & Schmidhuber 2015, arXiv:1507.06228)."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.network.baselines.image_or_series import check_image_or_series, stem, stem_stride
from archwright.network.reduction_count import fitting_halvings
from archwright.ops.convolution import ConvBatchNorm, conv
from archwright.ops.pooling import GlobalAveragePool, max_pool

GATE_BIAS = -2.0
"""Section 2.2: with a negative bias, a new network mostly passes its input through (sigmoid(-2): 12 % is transformed)."""
FLAT_WIDTH, FLAT_LAYERS = 64, 10
WIDTHS, LAYERS = (16, 32, 64), 3
"""Three stages of three highway layers: with the first convolution of each stage and the linear layer, 13 layers."""


def highway(problem: Problem) -> nn.Module:
    """Ten fully connected highway layers for flat features, nine convolutional ones for series and images."""
    return FlatHighway(problem) if problem.dimensions == 0 else ConvolutionalHighway(problem)


class Highway(nn.Module):
    """y = H(x) T(x) + x (1 - T(x)), the gate T = sigmoid (eq. 3). `transform` and `gate` keep the shape of x."""

    def __init__(self, transform: nn.Module, gate: nn.Linear | nn.Conv1d | nn.Conv2d) -> None:
        super().__init__()
        self.transform, self.gate = transform, gate
        if gate.bias is not None:
            nn.init.constant_(gate.bias, GATE_BIAS)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        y: Tensor = self.transform(x) * gate + x * (1 - gate)
        return y


class FlatHighway(nn.Module):
    """(B, F) -> (B, outputs)."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        width = FLAT_WIDTH
        self.stem = nn.Sequential(nn.Linear(problem.input_shape[0], width), nn.ReLU())
        self.layers = nn.Sequential(
            *(Highway(nn.Sequential(nn.Linear(width, width), nn.ReLU()), nn.Linear(width, width)) for _ in range(FLAT_LAYERS))
        )
        self.classifier = nn.Linear(width, problem.outputs)

    @property
    def auxiliary_point(self) -> nn.Module:
        """The layer at two thirds of the depth."""
        return self.layers[FLAT_LAYERS * 2 // 3]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.layers(self.stem(x)))
        return logits


class ConvolutionalHighway(nn.Module):
    """(B, C, L) or (B, C, H, W) -> (B, outputs): 3x3 highway layers, with a pooling and a wider convolution between stages.

    Differs: the paper uses the widths of FitNets; ours double. Transforms are batch-normalised, which makes the
    paper's learning-rate search unnecessary.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        check_image_or_series(problem, "highway")
        dimensions = problem.dimensions
        halvings = fitting_halvings(problem.input_shape, stem_stride(problem))
        stages: list[nn.Module] = []
        for i, width in enumerate(WIDTHS):
            pool = [max_pool(dimensions, 3, 2)] if 0 < i <= halvings else []
            first = stem(problem, width) if i == 0 else ConvBatchNorm(dimensions, WIDTHS[i - 1], width)
            layers = [
                Highway(ConvBatchNorm(dimensions, width, width), conv(dimensions, width, width, 3, bias=True))
                for _ in range(LAYERS)
            ]
            stages.append(nn.Sequential(*pool, first, *layers))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Sequential(GlobalAveragePool(), nn.Linear(WIDTHS[-1], problem.outputs))

    @property
    def auxiliary_point(self) -> nn.Module:
        """The second of three stages."""
        return self.stages[1]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.stages(x))
        return logits
