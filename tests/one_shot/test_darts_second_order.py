"""The step of second order within a search: against autograd through the unrolled step of the toy."""

from __future__ import annotations

import torch
from torch.func import functional_call

from archwright.one_shot.supernet.supernet_training import _set_up


def test_alphas_move_by_the_gradient_of_the_step_ahead(toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, "darts_second_order", learning_rate=0.5)
    stage = _set_up(job, toy_data, torch.device("cpu"), job.epochs)
    search, context = stage.search, stage.context
    context.supernet.double()
    search.alphas.double()
    (x, y), (x_alpha, y_alpha) = stage.batches.batch(0), context.alpha_batches.batch(0)
    x, y, x_alpha, y_alpha = x.double(), y.double(), x_alpha.double(), y_alpha.double()
    context.supernet.eval()  # BatchNorm statistics would change from pass to pass

    names = dict(context.supernet.named_parameters())
    decay, rate = search.method.weight_decay, search.update.rate(0.0)
    gates = search.method.expected(search.alphas)
    loss = context.loss(functional_call(context.supernet, names, (x, gates)), y)
    slopes = torch.autograd.grad(loss, list(names.values()), create_graph=True)
    ahead = {name: w - rate * (g + decay * w.detach()) for (name, w), g in zip(names.items(), slopes, strict=True)}
    val = context.loss(functional_call(context.supernet, ahead, (x_alpha, gates)), y_alpha)
    (expected,) = torch.autograd.grad(val, [search.alphas.alpha])

    class Fixed:
        def batch(self, number):
            return x_alpha, y_alpha

    (found,) = search._alpha_gradients(x, y, Fixed())
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-7)
