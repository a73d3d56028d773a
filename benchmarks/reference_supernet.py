"""The supernet of DARTS written directly from the paper, one module per operation: the reference of `supernet_step.py`.

Liu et al. 2019, arXiv:1806.09055: equations 1 and 2, section 3.1 and appendix A.1. No computation is shared or skipped: each of
the 14 edges of a cell computes its eight operations (`none` returns zeros), multiplies each by its weight and sums them.
"""

import torch
from torch import nn

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NODES = 4
EDGES = sum(range(2, 2 + NODES))


def norm(channels):
    return nn.BatchNorm2d(channels, affine=False)


def pooled(pool, channels):
    return nn.Sequential(pool, norm(channels))


def separable(channels, kernel, stride, dilation=1):
    padding = dilation * (kernel - 1) // 2
    return (
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        norm(channels),
    )


class None_(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class Halve(nn.Module):
    """Two 1x1 convolutions of stride 2, the second shifted by one position, concatenated."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.second = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.norm = norm(outputs)

    def forward(self, x):
        x = x.relu()
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], dim=1))


def operation(name, channels, stride):
    match name:
        case "none":
            return None_(stride)
        case "max_pool_3x3":
            return pooled(nn.MaxPool2d(3, stride, 1), channels)
        case "avg_pool_3x3":
            return pooled(nn.AvgPool2d(3, stride, 1, count_include_pad=False), channels)
        case "skip_connect":
            return nn.Identity() if stride == 1 else Halve(channels, channels)
        case "sep_conv_3x3":
            return nn.Sequential(*separable(channels, 3, stride), *separable(channels, 3, 1))
        case "sep_conv_5x5":
            return nn.Sequential(*separable(channels, 5, stride), *separable(channels, 5, 1))
        case "dil_conv_3x3":
            return nn.Sequential(*separable(channels, 3, stride, 2))
        case "dil_conv_5x5":
            return nn.Sequential(*separable(channels, 5, stride, 2))


class MixedOperation(nn.Module):
    """Equation 2, with the softmax applied outside: weights are (8,)."""

    def __init__(self, channels, stride):
        super().__init__()
        self.operations = nn.ModuleList(operation(name, channels, stride) for name in OPERATIONS)

    def forward(self, x, weights):
        return sum(weight * module(x) for weight, module in zip(weights, self.operations, strict=True))


class Cell(nn.Module):
    def __init__(self, before_last, last, channels, reduces, after_reduction):
        super().__init__()
        self.reduces = reduces
        self.align0 = Halve(before_last, channels) if after_reduction else aligned(before_last, channels)
        self.align1 = aligned(last, channels)
        self.edges = nn.ModuleList(
            MixedOperation(channels, 2 if reduces and state < 2 else 1) for node in range(NODES) for state in range(2 + node)
        )

    def forward(self, before_last, last, weights):
        states = [self.align0(before_last), self.align1(last)]
        edge = 0
        for _ in range(NODES):
            states.append(sum(self.edges[edge + i](state, weights[edge + i]) for i, state in enumerate(states)))
            edge += len(states) - 1
        return torch.cat(states[2:], dim=1)


def aligned(inputs, outputs):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), norm(outputs))


class ReferenceSupernet(nn.Module):
    """`cells` cells, reductions at one third and two thirds. x: (B, 3, H, W), weights: (28, 8), normal before reduction cell."""

    def __init__(self, channels, cells, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        self.cells = nn.ModuleList()
        before_last = last = 3 * channels
        after_reduction = False
        for number in range(cells):
            reduces = number in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduces else 1
            self.cells.append(Cell(before_last, last, channels, reduces, after_reduction))
            before_last, last, after_reduction = last, NODES * channels, reduces
        self.classifier = nn.Linear(last, classes)

    def forward(self, x, weights):
        before_last = last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last, weights[EDGES:] if cell.reduces else weights[:EDGES])
        return self.classifier(last.mean(dim=(2, 3)))
