import pytest
import torch
from torch import nn

from archwright.errors import ShapeError
from archwright.ops.convolution import (
    Bottleneck,
    ConvBatchNorm,
    DepthwiseSeparable,
    DilatedSeparableConv,
    FactorizedReduction,
    MBConv,
    ReLUConvBatchNorm,
    SeparableConv,
    StridedPointwise2d,
    batch_norm,
    conv,
)

SHAPES = {1: (9,), 2: (8, 7)}


def ceil_half(sizes, stride):
    return tuple(-(-size // stride) for size in sizes)


def weights(module):
    """Parameters of the convolutions only."""
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d)))


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda d, s: conv(d, 4, 6, 5, s),
        lambda d, s: conv(d, 4, 6, 3, s, dilation=2),
        lambda d, s: ConvBatchNorm(d, 4, 6, 3, s),
        lambda d, s: DepthwiseSeparable(d, 4, 6, 5, s),
        lambda d, s: Bottleneck(d, 4, 6, 3, s),
        lambda d, s: MBConv(d, 4, 6, 5, s),
        lambda d, s: ReLUConvBatchNorm(d, 4, 6, 7, s),
    ],
    ids=["conv", "dilated", "conv-bn", "separable", "bottleneck", "mbconv", "relu-conv-bn"],
)
def test_stride_1_keeps_the_size_and_stride_2_halves_it_rounding_up(dimensions, stride, make):
    x = torch.randn(2, 4, *SHAPES[dimensions])
    assert make(dimensions, stride)(x).shape == (2, 6, *ceil_half(SHAPES[dimensions], stride))


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("make", [SeparableConv, DilatedSeparableConv])
def test_cell_convolutions_keep_the_channels(dimensions, stride, make):
    x = torch.randn(2, 4, *SHAPES[dimensions])
    assert make(dimensions, 4, 5, stride)(x).shape == (2, 4, *ceil_half(SHAPES[dimensions], stride))


def test_weights_counted_by_hand():
    assert weights(DepthwiseSeparable(2, 8, 16, 3)) == 8 * 9 + 8 * 16
    assert weights(Bottleneck(2, 8, 16, 3)) == 8 * 4 + 4 * 4 * 9 + 4 * 16
    assert weights(MBConv(2, 8, 16, 3)) == 8 * 48 + 48 * 9 + 48 * 16
    assert weights(MBConv(2, 8, 16, 3, expansion=1)) == 8 * 9 + 8 * 16
    assert weights(SeparableConv(1, 8, 5)) == 2 * (8 * 5 + 64)
    assert weights(SeparableConv(1, 8, 5, times=1)) == 8 * 5 + 64
    assert weights(DilatedSeparableConv(2, 8, 3)) == 8 * 9 + 64
    assert weights(FactorizedReduction(2, 8, 5)) == 8 * 3 + 8 * 2


def test_a_bottleneck_and_an_mbconv_end_linear_so_that_a_shortcut_can_follow():
    for block in (Bottleneck(2, 4, 4), MBConv(2, 4, 4)):
        assert (block(torch.randn(8, 4, 5, 5)) < 0).any()
    assert (DepthwiseSeparable(2, 4, 4)(torch.randn(8, 4, 5, 5)) >= 0).all()


def test_a_dilated_convolution_reads_every_other_position():
    layer = DilatedSeparableConv(1, 1, 3)
    depthwise, pointwise = layer[1], layer[2]
    nn.init.ones_(depthwise.weight)
    nn.init.ones_(pointwise.weight)
    impulse = torch.zeros(1, 1, 9)
    impulse[..., 4] = 1.0
    assert pointwise(depthwise(impulse)).flatten().tolist() == [0, 0, 1, 0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("shape", [(8,), (7,), (1,), (8, 6), (7, 8), (1, 1)])
def test_a_factorized_reduction_reads_every_position(shape):
    reduction = FactorizedReduction(len(shape), 1, 2)
    for half in (reduction.straight, reduction.shifted):
        nn.init.ones_(half.weight)
    reduction.norm = nn.Identity()
    x = torch.rand(1, 1, *shape, requires_grad=True)
    y = reduction(x)
    assert y.shape == (1, 2, *ceil_half(shape, 2))
    y.sum().backward()
    index = torch.stack(torch.meshgrid(*[torch.arange(size) for size in shape], indexing="ij"))
    read = (index % 2 == 0).all(dim=0) | (index % 2 == 1).all(dim=0)  # straight reads the even, shifted the odd positions
    assert torch.equal(x.grad[0, 0], read.float())


def test_a_factorized_reduction_to_one_channel():
    assert FactorizedReduction(2, 3, 1)(torch.randn(2, 3, 4, 4)).shape == (2, 1, 2, 2)


def test_a_kernel_per_axis():
    layer = conv(2, 3, 4, (1, 7), (1, 2))
    assert layer.weight.shape == (4, 3, 1, 7)
    assert layer(torch.randn(1, 3, 8, 8)).shape == (1, 4, 8, 4)


def test_norms_are_per_channel():
    y = batch_norm(1, 3)(torch.randn(64, 3, 10) * 5 + 2)
    assert torch.allclose(y.mean(dim=(0, 2)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(y.std(dim=(0, 2)), torch.ones(3), atol=1e-2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: conv(0, 3, 4),
        lambda: conv(3, 3, 4),
        lambda: batch_norm(4, 3),
        lambda: conv(2, 3, 4, (3,)),
        lambda: conv(2, 3, 4, 4),
        lambda: conv(1, 3, 4, (2,)),
    ],
)
def test_unsupported_shapes_are_errors(wrong):
    with pytest.raises(ShapeError):
        wrong()


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 2)])
def test_a_strided_pointwise_convolution_of_few_channels_equals_pytorchs(inputs, size):
    """PyTorch's own convolution is safe in contiguous layout and double precision."""
    torch.manual_seed(0)
    ours = conv(2, inputs, 6, 1, 2).double()
    usual = nn.Conv2d(inputs, 6, 1, 2, bias=False).double()
    usual.load_state_dict(ours.state_dict())
    assert type(ours) is StridedPointwise2d
    x = torch.randn(3, inputs, *size, dtype=torch.float64)
    results = []
    for layer in (ours, usual):
        read = x.clone().requires_grad_()
        output = layer(read)
        output.square().sum().backward()
        results.append((output, read.grad, layer.weight.grad))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("asked", [(2, 8, 4, 1, 2), (2, 4, 4, 3, 2), (2, 4, 4, 1, 1), (1, 4, 4, 1, 2)])
def test_all_other_convolutions_are_pytorchs_own(asked):
    assert type(conv(*asked)) in (nn.Conv1d, nn.Conv2d)
