import pytest
import torch
from torch import nn

from archwright.errors import UnknownName
from archwright.ops.candidate_operations import CANDIDATES, Zero, candidate


@pytest.mark.parametrize("shape", [(9,), (8, 7)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", CANDIDATES)
def test_all_return_the_same_shape_so_that_they_can_be_summed(name, stride, shape):
    x = torch.randn(2, 4, *shape)
    assert candidate(name, len(shape), 4, stride)(x).shape == (2, 4, *(-(-size // stride) for size in shape))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("none", 0),
        ("skip_connect", 0),
        ("max_pool_5x5", 0),
        ("avg_pool_3x3", 0),
        ("conv_1x1", 16),
        ("conv_3x3", 144),
        ("conv_5x5", 400),
        ("dilated_conv_3x3", 144),
        ("conv_1x3_3x1", 2 * 48),
        ("conv_1x7_7x1", 2 * 112),
        ("sep_conv_3x3", 2 * (36 + 16)),
        ("sep_conv_7x7", 2 * (196 + 16)),
        ("dil_conv_5x5", 100 + 16),
    ],
)
def test_convolution_weights_counted_by_hand(name, weights):
    convolutions = [m for m in candidate(name, 2, 4).modules() if isinstance(m, nn.Conv2d)]
    assert sum(layer.weight.numel() for layer in convolutions) == weights


def test_a_row_then_a_column_is_one_convolution_along_one_axis():
    assert [tuple(p.shape) for p in candidate("conv_1x7_7x1", 1, 4).parameters()] == [
        tuple(p.shape) for p in nn.Sequential(nn.Conv1d(4, 4, 7, bias=False), nn.BatchNorm1d(4)).parameters()
    ]
    shapes = [[tuple(p.shape) for p in candidate(name, 1, 4).parameters()] for name in ("conv_1x3_3x1", "conv_3x3")]
    assert shapes[0] == shapes[1]


def test_skip_and_none():
    x = torch.randn(2, 4, 6)
    assert torch.equal(candidate("skip_connect", 1, 4)(x), x)
    assert torch.equal(candidate("none", 1, 4)(x), torch.zeros(2, 4, 6))
    assert Zero(3, 2)(x).shape == (2, 3, 3)


def test_an_unknown_operation_lists_the_known_ones():
    with pytest.raises(UnknownName, match="unknown operation 'conv_9x9': choose from none, skip_connect"):
        candidate("conv_9x9", 2, 4)
