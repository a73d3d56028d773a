"""The fused sum compared with its operations' own modules, one by one, and with finite differences."""

import copy

import pytest
import torch
from torch import nn

from archwright.ops.candidate_operations import candidate
from archwright.ops.mixed_sum import Chain, Layout, mixed_sum
from archwright.ops.node_terms import State, chains_of

CHAINS = ("sep_conv_3x3", "dil_conv_5x5", "conv_1x1", "sep_conv_5x5")
SHAPES = {"2-D": (8, 7), "1-D": (13,)}


def modules_of(shape, stride, training):
    """Two modules for each of two states: with a 1x1 convolution at stride 1, replaced by a factorized reduction at stride 2."""
    torch.manual_seed(0)
    names = ["skip_connect" if stride == 2 and name == "conv_1x1" else name for name in CHAINS]
    modules = nn.ModuleList(candidate(name, len(shape), 4, stride, affine=False) for name in names).double()
    for norm in modules.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return modules.train(training), [i % 2 for i in range(len(names))]


def one_by_one(modules, sources, states, others, gates):
    """Equation 2 literally."""
    terms = [module(states[source]) for module, source in zip(modules, sources, strict=True)] + list(others)
    return sum(gate * term for gate, term in zip(gates, terms, strict=True))


def fused(kernel, modules, sources, states, others, gates):
    held, read, chains, places = [State(x) for x in states], {}, [], []
    for place, (module, source) in enumerate(zip(modules, sources, strict=True)):
        for part, steps in chains_of(module):
            read.setdefault((source, part), held[source].part(part))
            chains.append(Chain(list(read).index((source, part)), steps))
            places.append(place)
    places += range(len(modules), len(gates))
    return mixed_sum(kernel, Layout(tuple(chains)), list(read.values()), others, gates[places], training=modules.training)


def leaves(shape, stride, terms):
    torch.manual_seed(1)
    states = [torch.randn(3, 4, *shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    sizes = [-(-size // stride) for size in shape]
    others = [torch.randn(3, 4, *sizes, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    return states, others, torch.randn(terms + 2, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_equals_the_sum_of_the_single_operations_with_all_gradients_and_statistics(kernel, shape, stride, training):
    modules, sources = modules_of(shape, stride, training)
    plain = copy.deepcopy(modules)
    states, others, gates = leaves(shape, stride, len(modules))
    ours = fused(kernel, modules, sources, states, others, gates)
    theirs = one_by_one(plain, sources, states, others, gates)
    torch.testing.assert_close(ours, theirs)
    gradient = torch.randn_like(theirs)
    ours = torch.autograd.grad(ours, [gates, *states, *others, *modules.parameters()], gradient)
    theirs = torch.autograd.grad(theirs, [gates, *states, *others, *plain.parameters()], gradient)
    for own, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-8, atol=1e-9)
    for own, expected in zip(modules.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own, expected)


def test_gradients_agree_with_finite_differences(kernel):
    modules, sources = modules_of((5, 4), 1, True)
    states, others, gates = leaves((5, 4), 1, len(modules))

    def total(gates, *tensors):
        return fused(kernel, modules, sources, tensors[:2], tensors[2:], gates)

    assert torch.autograd.gradcheck(total, (gates, *states, *others), atol=1e-5)


def test_weights_that_do_not_learn_get_no_gradient(kernel):
    modules, sources = modules_of((6, 6), 1, True)
    modules.requires_grad_(False)
    states, others, gates = leaves((6, 6), 1, len(modules))
    frozen = torch.autograd.grad(fused(kernel, modules, sources, states, others, gates).sum(), [gates, *states, *others])
    modules.requires_grad_()
    learning = torch.autograd.grad(fused(kernel, modules, sources, states, others, gates).sum(), [gates, *states, *others])
    for one, other in zip(frozen, learning, strict=True):
        torch.testing.assert_close(one, other)


def test_a_constant_channel_is_normalised_to_zero(kernel):
    modules, sources = modules_of((6, 6), 1, True)
    states = [torch.full((2, 4, 6, 6), -1.0, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    gates = torch.ones(len(modules), dtype=torch.float64, requires_grad=True)
    y = fused(kernel, modules, sources, states, [], gates)
    assert torch.equal(y, torch.zeros_like(y))
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), [*states, gates, *modules.parameters()]))
