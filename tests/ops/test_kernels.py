"""Both kernels against PyTorch's own modules and its autograd, in double precision."""

import pytest
import torch
from torch.nn import functional

from archwright.ops.candidates import candidate
from archwright.ops.depthwise import Filter
from archwright.ops.kernels import channels_last

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d}
SHAPES = [(3, 8, 9, 7), (2, 4, 16, 16), (2, 16, 5, 6), (2, 32, 4, 4), (2, 12, 6, 5), (3, 8, 11)]


def randn(*shape, dtype=torch.float64):
    return channels_last(torch.randn(*shape, dtype=dtype))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sizes", [[(3, 1)], [(5, 2)], [(3, 1), (7, 1), (3, 2), (5, 2)]], ids=str)
def test_depthwise_convolutions_and_their_gradients(kernel, shape, sizes, stride):
    torch.manual_seed(0)
    x = randn(*shape).requires_grad_()
    weights = [torch.randn(shape[1], 1, *[k] * (len(shape) - 2), dtype=torch.float64, requires_grad=True) for k, _ in sizes]
    expected = [
        CONVOLVE[x.dim() - 2](x, weight, None, stride, d * (k - 1) // 2, d, shape[1])
        for weight, (k, d) in zip(weights, sizes, strict=True)
    ]
    gradients = [randn(*y.shape) for y in expected]
    d_x, *d_weights = torch.autograd.grad(expected, [x, *weights], gradients)
    filters = [Filter(weight.detach(), stride, d) for weight, (_, d) in zip(weights, sizes, strict=True)]
    x = x.detach()
    negative = [-gradient for gradient in gradients[:1]]
    ours = kernel.depthwise([x, -x], [filters, filters[:1]])
    torch.testing.assert_close(ours, [[y.detach() for y in expected], [-expected[0].detach()]])
    ours = kernel.depthwise_weight([gradients, negative], [filters, filters[:1]], [x, -x])
    torch.testing.assert_close(ours, [d_weights, d_weights[:1]])
    (ours,) = kernel.depthwise_input([gradients], [filters], [x])
    torch.testing.assert_close(ours, d_x)
    (ours,) = kernel.depthwise_input([gradients], [filters], [x], rectified=True)
    torch.testing.assert_close(ours, d_x * (x > 0))
    assert kernel.depthwise([], []) == []


def positions(x):
    """(B, C, ...) -> (C, positions)."""
    return x.transpose(0, 1).flatten(1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_and_sums_along_the_channels(kernel, shape):
    torch.manual_seed(0)
    tensors, others = [randn(*shape) for _ in range(3)], [randn(*shape) for _ in range(2)]
    matrices, biases = torch.randn(3, 2, shape[1], shape[1], dtype=torch.float64), torch.randn(3, shape[1], dtype=torch.float64)
    gates = torch.tensor([0.3, -2.0], dtype=torch.float64)
    expected = sum(matrix @ positions(z) for matrix, z in zip(matrices[:, 0], tensors, strict=True))
    expected = expected + biases[0][:, None] + sum(gate * positions(x) for gate, x in zip(gates, others, strict=True))
    torch.testing.assert_close(positions(kernel.product_sum(matrices[:, 0], tensors, biases[0], others, gates)), expected)
    backwards = tensors[::-1]
    for found, (first, second), x, y, bias in zip(
        kernel.products(matrices, [tensors, backwards], biases, rectify=True), matrices, tensors, backwards, biases, strict=True
    ):
        expected = first @ positions(x) + second @ positions(y) + bias[:, None]
        torch.testing.assert_close(positions(found), expected.clamp_min(0.0))
    for found, (first, _), x in zip(kernel.products(matrices[:, :1], [tensors], None), matrices, tensors, strict=True):
        torch.testing.assert_close(positions(found), first @ positions(x))
    crossed = torch.stack([positions(x) @ positions(y).T for x, y in zip(tensors, backwards, strict=True)])
    torch.testing.assert_close(kernel.cross(tensors, backwards), crossed)
    mean, covariance = kernel.moments(tensors)
    torch.testing.assert_close(mean, torch.stack([positions(z).mean(dim=1) for z in tensors]))
    torch.testing.assert_close(covariance, torch.stack([torch.cov(positions(z), correction=0) for z in tensors]))


def test_a_covariance_does_not_drown_in_a_large_mean(kernel):
    torch.manual_seed(0)
    x = randn(4, 8, 16, 16)
    _, expected = kernel.moments([x])
    _, covariance = kernel.moments([(x + 300.0).float()])
    torch.testing.assert_close(covariance.double(), expected, rtol=1e-3, atol=1e-4)


def test_a_rectified_product_keeps_what_is_not_a_number(kernel):
    x = randn(1, 4, 2, 2, dtype=torch.float32)
    x[0, 0, 0, 0] = torch.nan
    (found,) = kernel.products(torch.eye(4)[None, None], [[x]], None, rectify=True)
    assert found[0, :, 0, 0].isnan().any()
    assert not found[0, :, 1].isnan().any()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("normalise", [True, False], ids=["normalised", "alone"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", ["max_pool_3x3", "max_pool_5x5", "avg_pool_3x3"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pooling(kernel, shape, name, stride, normalise, training):
    torch.manual_seed(0)
    pools = [
        candidate(name, len(shape) - 2, shape[1], stride, normalise_pools=normalise).double().train(training) for _ in range(2)
    ]
    x = randn(*shape).requires_grad_()
    expected, found = pools[0](x), kernel.pooled(x, pools[1])
    torch.testing.assert_close(found, expected)
    gradient = randn(*expected.shape)
    torch.testing.assert_close(*[torch.autograd.grad(y, x, gradient)[0] for y in (found, expected)])
    for own, other in zip(pools[1].buffers(), pools[0].buffers(), strict=True):
        torch.testing.assert_close(own, other)


def test_channels_come_last_in_images_only():
    image, series = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4)
    assert channels_last(image).is_contiguous(memory_format=torch.channels_last)
    assert channels_last(series) is series
