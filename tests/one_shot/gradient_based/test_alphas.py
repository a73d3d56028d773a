"""Initial alphas, and edge normalisation."""

from __future__ import annotations

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot.gradient_based.alphas import Alphas

MIXTURE = Mixture(
    (Edge("a", ("x", "y", "z"), "1"), Edge("b", ("x", "y"), "2"), Edge("c", ("x", "y", "z"), "1"), Edge("d", ("x",), "2")), {"1": 1}
)


def test_they_start_almost_equal_and_masked_entries_are_zero():
    alpha = Alphas(MIXTURE).alpha
    assert alpha.shape == (4, 3)
    assert 0 < alpha.abs().max() < 0.01
    assert (alpha[~MIXTURE.mask] == 0).all()


def test_edges_share_only_where_they_are_normalised():
    assert Alphas(MIXTURE).edge_shares().tolist() == [[1.0]] * 4
    alphas = Alphas(MIXTURE, edge_normalisation=True)
    with torch.no_grad():
        alphas.beta.copy_(torch.tensor([1.0, 2.0, -1.0, 2.0]))
    shares = alphas.edge_shares().squeeze(1)
    assert torch.allclose(shares[[0, 2]], torch.tensor([1.0, -1.0]).softmax(dim=0))
    assert torch.allclose(shares[[1, 3]], torch.tensor([0.5, 0.5]))


def test_the_shares_gradient_matches_finite_differences():
    alphas = Alphas(MIXTURE, edge_normalisation=True).double()
    factors = torch.tensor([[1.0], [-2.0], [3.0], [0.5]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((alphas.edge_shares() * factors).sum(), alphas.beta)
    beta, step = alphas.beta.detach().clone(), 1e-6
    for i in range(4):
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                alphas.beta.copy_(beta)
                alphas.beta[i] += sign * step
                sides.append(float((alphas.edge_shares() * factors).sum()))
        assert float(gradient[i]) == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-6)


def test_what_is_saved_comes_back():
    first, second = Alphas(MIXTURE, edge_normalisation=True), Alphas(MIXTURE, edge_normalisation=True)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.alpha, second.alpha)
    assert torch.equal(first.beta, second.beta)
