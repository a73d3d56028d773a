"""Gates of PC-DARTS: candidates times edges."""

from __future__ import annotations

import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot import make_one_shot
from archwright.one_shot.gradient_based.alphas import Alphas

MIXTURE = Mixture(tuple(Edge(name, ("x", "y"), target) for name, target in (("a", "1"), ("b", "1"), ("c", "2"))), {"1": 1})


def test_the_gates_into_a_node_sum_to_one():
    method = make_one_shot("pc_darts")
    alphas = Alphas(MIXTURE, edge_normalisation=method.edge_normalisation)
    with torch.no_grad():
        alphas.beta.copy_(torch.tensor([0.0, 2.0, -3.0]))
    sums = method.gates(alphas, 0.0, torch.Generator()).sum(dim=1)
    assert torch.allclose(sums[:2], torch.tensor([0.0, 2.0]).softmax(dim=0))
    assert torch.allclose(sums[2], torch.tensor(1.0))


def test_betas_learn_as_alphas_do():
    method = make_one_shot("pc_darts")
    alphas = Alphas(MIXTURE, edge_normalisation=True)
    factors = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    gradients = torch.autograd.grad((method.expected(alphas) * factors).sum(), list(alphas.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
