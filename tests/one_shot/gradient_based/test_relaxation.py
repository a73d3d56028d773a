"""Distributions over candidates: against brute force and frequencies."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from archwright.one_shot.gradient_based.relaxation import gumbel_softmax, softmax, sparsemax, straight_through

MASK = torch.tensor([[True, True, True, True], [True, True, True, False], [True, False, False, False]])


def some_logits(seed, scale=1.0):
    return scale * torch.randn(MASK.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def nearest_on_simplex(z):
    """By trying every support: its entries shift by the same amount, and the nearest of the resulting points wins."""
    best, distance = None, math.inf
    for size in range(1, len(z) + 1):
        for support in itertools.combinations(range(len(z)), size):
            shift = (sum(z[i] for i in support) - 1) / size
            point = [z[i] - shift if i in support else 0.0 for i in range(len(z))]
            away = sum((p - q) ** 2 for p, q in zip(point, z, strict=True))
            if min(point) >= 0 and away < distance:
                best, distance = point, away
    return best


@pytest.mark.parametrize("relax", [softmax, sparsemax])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_distributions_over_unmasked_candidates(relax, seed):
    gates = relax(some_logits(seed, 3.0), MASK)
    assert torch.allclose(gates.sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert (gates >= 0).all()
    assert (gates[~MASK] == 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_sparsemax_is_the_nearest_point_of_the_simplex(seed):
    z = some_logits(seed, 0.1 + seed / 5)[0]
    found = sparsemax(z.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))[0]
    assert found.tolist() == pytest.approx(nearest_on_simplex(z.tolist()), abs=1e-12)


def test_sparsemax_is_exactly_zero_outside_its_support():
    gates = sparsemax(torch.tensor([[2.0, 1.9, 0.0, -1.0]]), torch.ones(1, 4, dtype=torch.bool))
    assert gates[0, 2:].tolist() == [0.0, 0.0]
    assert gates[0, :2].tolist() == pytest.approx([0.55, 0.45])


@pytest.mark.parametrize("relax", [softmax, sparsemax])
def test_gradients_match_finite_differences(relax):
    logits = some_logits(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: relax(z, MASK), logits)


def test_the_largest_gumbel_gate_is_a_sample_of_the_softmax():
    logits = torch.tensor([[1.0, 0.0, -1.0, 0.5]]).expand(20_000, 4)
    mask = torch.tensor([[True, True, True, False]]).expand(20_000, 4)
    chosen = gumbel_softmax(logits, mask, 0.3, torch.Generator().manual_seed(0)).argmax(dim=1)
    frequencies = torch.bincount(chosen, minlength=4) / len(chosen)
    expected = torch.tensor([1.0, 0.0, -1.0]).softmax(dim=0).tolist()
    assert frequencies.tolist() == pytest.approx([*expected, 0.0], abs=4 * 0.5 / len(chosen) ** 0.5)


def test_a_cold_gumbel_sample_is_nearly_one_hot_and_a_hot_one_nearly_uniform():
    logits = some_logits(0)
    cold, hot = (gumbel_softmax(logits, MASK, t, torch.Generator().manual_seed(3)) for t in (1e-3, 1e3))
    assert cold.max(dim=1).values.min() > 0.99
    assert torch.allclose(hot[MASK], (MASK / MASK.sum(dim=1, keepdim=True))[MASK].double(), atol=0.01)


def test_straight_through_is_exactly_one_hot_with_the_soft_gradient():
    logits = some_logits(2).requires_grad_()
    soft = softmax(logits, MASK)
    hard = straight_through(soft)
    assert sorted(hard.detach().flatten().tolist()) == [0.0] * 9 + [1.0] * 3
    assert hard.argmax(dim=1).tolist() == soft.argmax(dim=1).tolist()
    factors = some_logits(4)
    (through,) = torch.autograd.grad((hard * factors).sum(), logits, retain_graph=True)
    (directly,) = torch.autograd.grad((soft * factors).sum(), logits)
    assert torch.equal(through, directly)
