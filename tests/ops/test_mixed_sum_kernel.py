"""Both kernels compared with PyTorch's own modules and autograd, in double precision."""

import pytest
import torch
from torch.nn import functional

from archwright.ops.candidate_operations import candidate
from archwright.ops.memory_layout import channels_last
from archwright.ops.mixed_sum_kernel import Filters

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
    filters = [Filters((w := weight.detach(), 2 * w), stride, d) for weight, (_, d) in zip(weights, sizes, strict=True)]
    alone = [Filters(f.weights[:1], stride, f.dilation) for f in filters[:1]]
    x = x.detach()
    xs = [kernel.gathered([x, -x]), kernel.gathered([-x])]
    (*ours,), (last,) = kernel.depthwise(xs, [filters, alone])
    for maps, y in zip(ours, expected, strict=True):
        torch.testing.assert_close(kernel.separated(maps), [y.detach(), -2 * y.detach()])
    torch.testing.assert_close(kernel.separated(last), [-expected[0].detach()])
    given = [[kernel.gathered([g, -g]) for g in gradients], [kernel.gathered([-gradients[0]])]]
    ours, (last,) = kernel.depthwise_weight(given, [filters, alone], xs)
    torch.testing.assert_close(ours, [[d, d] for d in d_weights])
    torch.testing.assert_close(last, [d_weights[0]])
    found, _ = kernel.depthwise_input(given, [filters, alone], xs)
    torch.testing.assert_close(kernel.separated(found), [d_x, -2 * d_x])
    (found,) = kernel.depthwise_input(given[:1], [filters], xs[:1], rectified=True)
    torch.testing.assert_close(kernel.separated(found), [d_x * (x > 0), -2 * d_x * (x < 0)])
    assert kernel.depthwise([], []) == []


def positions(x):
    """(B, C, ...) -> (C, positions)."""
    return x.transpose(0, 1).flatten(1)


def in_two(kernel, tensors):
    """As maps, with the first two in one."""
    return [kernel.gathered(tensors[:2]), kernel.gathered(tensors[2:])]


def one_by_one(kernel, maps):
    return [x for own in maps for x in kernel.separated(own)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_and_sums_along_the_channels(kernel, shape):
    torch.manual_seed(0)
    tensors, others = [randn(*shape) for _ in range(5)], [randn(*shape) for _ in range(2)]
    matrices, biases = torch.randn(5, 2, shape[1], shape[1], dtype=torch.float64), torch.randn(5, shape[1], dtype=torch.float64)
    gates = torch.tensor([0.3, -2.0], dtype=torch.float64)
    expected = sum(matrix @ positions(z) for matrix, z in zip(matrices[:, 0], tensors, strict=True))
    expected = expected + biases[0][:, None] + sum(gate * positions(x) for gate, x in zip(gates, others, strict=True))
    maps, backwards = in_two(kernel, tensors), in_two(kernel, tensors[::-1])
    torch.testing.assert_close(positions(kernel.product_sum(matrices[:, 0], maps, biases[0], others, gates)), expected)
    terms = list(zip(matrices, tensors, tensors[::-1], biases, strict=True))
    found = one_by_one(kernel, kernel.products(matrices, [maps, backwards], biases, rectify=True))
    expected = [first @ positions(x) + second @ positions(y) + bias[:, None] for (first, second), x, y, bias in terms]
    torch.testing.assert_close([positions(x) for x in found], [x.clamp_min(0.0) for x in expected])
    found = one_by_one(kernel, kernel.products(matrices, [others[0], backwards], biases))
    expected = [first @ positions(others[0]) + second @ positions(y) + bias[:, None] for (first, second), _, y, bias in terms]
    torch.testing.assert_close([positions(x) for x in found], expected)
    crossed = torch.stack([positions(x) @ positions(y).T for x, y in zip(tensors, tensors[::-1], strict=True)])
    torch.testing.assert_close(kernel.cross(maps, backwards), crossed)
    crossed = torch.stack([positions(others[0]) @ positions(y).T for y in tensors])
    torch.testing.assert_close(kernel.cross(others[0], maps), crossed)
    torch.testing.assert_close(kernel.sums(maps), torch.stack([positions(z).sum(dim=1) for z in tensors]))
    torch.testing.assert_close(kernel.scaled(others[0], gates), [gate * others[0] for gate in gates])
    torch.testing.assert_close(kernel.dots(others[0], tensors), torch.stack([(others[0] * z).sum() for z in tensors]))
    assert kernel.scaled(others[0], gates[:0]) == []
    assert kernel.dots(others[0], []).shape == (0,)
    mean, covariance = kernel.moments(maps)
    torch.testing.assert_close(mean, torch.stack([positions(z).mean(dim=1) for z in tensors]))
    torch.testing.assert_close(covariance, torch.stack([torch.cov(positions(z), correction=0) for z in tensors]))


def test_a_covariance_is_accurate_despite_a_large_mean(kernel):
    torch.manual_seed(0)
    x = randn(4, 8, 16, 16)
    _, expected = kernel.moments([kernel.gathered([x])])
    _, covariance = kernel.moments([kernel.gathered([(x + 300.0).float()])])
    torch.testing.assert_close(covariance.double(), expected, rtol=1e-3, atol=1e-4)


def test_a_rectified_product_keeps_nan(kernel):
    x = randn(1, 4, 2, 2, dtype=torch.float32)
    x[0, 0, 0, 0] = torch.nan
    (maps,) = kernel.products(torch.eye(4)[None, None], [[kernel.gathered([x])]], torch.zeros(1, 4), rectify=True)
    (found,) = kernel.separated(maps)
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
