"""The gradient of second order, equations 7 and 8: against autograd through one unrolled step, alone and within a search."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call

from archwright.one_shot.darts_second_order import second_order_gradient, unrolled_gradients
from archwright.one_shot.supernet.supernet_setup import set_up

RATE = 0.3


def differentiate(loss, parameters):
    return list(torch.autograd.grad(loss, parameters, allow_unused=True))


def problem(seed):
    """A smooth network of two layers whose hidden units are gated by alpha, in float64."""
    draw = torch.Generator().manual_seed(seed)

    def some(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    weights = [some(3, 5).requires_grad_(), some(5, 2).requires_grad_(), some(7).requires_grad_()]  # the last takes no part
    alphas = [some(5).requires_grad_(), some(4).requires_grad_()]
    x, y, x_val, y_val = some(20, 3), some(20, 2), some(20, 3), some(20, 2)

    def loss(x, y, w, a):
        return ((torch.tanh(x @ w[0]) * a[0].softmax(dim=0)) @ w[1] - y).square().mean() + a[1].square().sum() * w[
            1
        ].square().mean()

    return weights, alphas, lambda w, a: loss(x, y, w, a), lambda w, a: loss(x_val, y_val, w, a)


def exact(weights, alphas, train, val, momentum):
    """d L_val(w - rate (dL_train/dw + momentum), alpha) / d alpha, by differentiating twice."""
    slopes = torch.autograd.grad(train(weights, alphas), weights, create_graph=True, allow_unused=True)
    ahead = [w if g is None else w - RATE * (g + m) for w, g, m in zip(weights, slopes, momentum, strict=True)]
    return torch.autograd.grad(val(ahead, alphas), alphas)


@pytest.mark.parametrize("with_momentum", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_is_that_of_the_unrolled_step(seed, with_momentum):
    weights, alphas, train, val = problem(seed)
    momentum = [torch.randn_like(w) if with_momentum else torch.zeros_like(w) for w in weights]
    before = [w.detach().clone() for w in weights]
    found = second_order_gradient(
        lambda: train(weights, alphas), lambda: val(weights, alphas), weights, alphas, RATE, differentiate, momentum
    )
    for gradient, expected in zip(found, exact(weights, alphas, train, val, momentum), strict=True):
        assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-6)
    assert all(torch.equal(w, b) for w, b in zip(weights, before, strict=True))


def test_it_is_not_the_first_order_one():
    weights, alphas, train, val = problem(0)
    first = torch.autograd.grad(val(weights, alphas), alphas)
    zero = [torch.zeros_like(w) for w in weights]
    second = exact(weights, alphas, train, val, zero)
    assert not torch.allclose(first[0], second[0], rtol=0.05)


def test_without_a_step_it_is_the_first_order_one():
    weights, alphas, train, val = problem(1)
    found = second_order_gradient(lambda: train(weights, alphas), lambda: val(weights, alphas), weights, alphas, 0.0, differentiate)
    for gradient, expected in zip(found, torch.autograd.grad(val(weights, alphas), alphas), strict=True):
        assert torch.allclose(gradient, expected)


def test_alphas_move_by_the_gradient_of_the_step_ahead(toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, "darts_second_order", learning_rate=0.5)
    stage = set_up(job, toy_data, torch.device("cpu"), job.epochs)
    search, context = stage.search, stage.context
    context.supernet.double()
    search.alphas.double()
    (x, y), (x_alpha, y_alpha) = stage.batches.batch(0), context.alpha_batches.batch(0)
    x, y, x_alpha, y_alpha = x.double(), y.double(), x_alpha.double(), y_alpha.double()
    context.supernet.eval()  # BatchNorm statistics would change from pass to pass

    names = dict(context.supernet.named_parameters())
    decay, rate = search.method.weight_decay, search.weight_update.rate(0.0)
    gates = search.method.expected(search.alphas)
    loss = context.loss(functional_call(context.supernet, names, (x, gates)), y)
    slopes = torch.autograd.grad(loss, list(names.values()), create_graph=True)
    ahead = {name: w - rate * (g + decay * w.detach()) for (name, w), g in zip(names.items(), slopes, strict=True)}
    val = context.loss(functional_call(context.supernet, ahead, (x_alpha, gates)), y_alpha)
    (expected,) = torch.autograd.grad(val, [search.alphas.alpha])

    search.val_batch = lambda: (x_alpha, y_alpha)
    (found,) = unrolled_gradients(search, x, y)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-7)
