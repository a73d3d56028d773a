"""Shared by the convolutional baselines: the check of their inputs, and a stem that fits the input size."""

from __future__ import annotations

from torch import nn

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.reduction_count import is_large
from archwright.ops.convolution import ConvBatchNorm
from archwright.ops.pooling import max_pool

FOR_FLAT_FEATURES = "resnet-tiny, resnet18, resnet50, highway or random_forest"


def check_image_or_series(problem: Problem, baseline: str) -> None:
    """Raises InputError for flat features, naming the baselines that support them."""
    if problem.dimensions not in (1, 2):
        raise InputError(
            f"baseline {baseline!r} is convolutional and does not support inputs of shape {problem.input_shape}: "
            f"for flat features choose {FOR_FLAT_FEATURES}"
        )


def stem_stride(problem: Problem) -> int:
    """4 for inputs as large as those of ImageNet networks, otherwise 1."""
    return 4 if is_large(problem.input_shape) and min(problem.input_shape[1:]) >= 32 else 1


def stem(problem: Problem, width: int) -> nn.Sequential:
    """7x7 with stride 2 and a pooling for large inputs (He et al. 2016, Table 1), one 3x3 for small ones (section 4.2)."""
    dimensions, channels = problem.dimensions, problem.input_shape[0]
    if stem_stride(problem) == 1:
        return nn.Sequential(ConvBatchNorm(dimensions, channels, width))
    return nn.Sequential(ConvBatchNorm(dimensions, channels, width, 7, 2), max_pool(dimensions, 3, 2))
