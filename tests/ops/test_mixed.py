import copy

import pytest
import torch
from torch import nn

from archwright.ops.candidates import CANDIDATES
from archwright.ops.kernels import PlainKernel
from archwright.ops.mixed import MixedNodes, active_gates, edges_into

DARTS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
SHAPES = {"2-D": (8, 7), "1-D": (13,)}
KERNELS = {"plain": PlainKernel()}


def nodes_of(candidates, shape, stride=1, nodes=2, normalise_pools=True, kernel="plain"):
    torch.manual_seed(0)
    made = MixedNodes(candidates, len(shape), 4, (stride, stride), nodes, normalise_pools=normalise_pools).double()
    made.kernel = KERNELS[kernel]
    return made


def one_by_one(nodes, inputs, gates):
    """Equation 2 as it stands: every operation's own module, its output times its gate, and a sum."""
    states = list(inputs)
    for edges in nodes.edges_into:
        total = 0.0
        for state, edge in enumerate(edges):
            for column, name in enumerate(nodes.candidates):
                if name != "none" and gates[edge, column] != 0:
                    total = total + gates[edge, column] * nodes.operation(edge, state, name)(states[state])
        states.append(total)
    return states[nodes.inputs :]


def problem(nodes, shape):
    inputs = [torch.randn(3, 4, *shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    gates = torch.rand(nodes.edges_into[-1].stop, len(nodes.candidates), dtype=torch.float64)
    return inputs, gates.requires_grad_()


def results(function, module, inputs, gates):
    """States, all gradients of a random projection of them, and the statistics after it."""
    leaves = [gates, *inputs, *module.parameters()]
    torch.manual_seed(1)
    states = function(inputs, gates)
    loss = sum((state * torch.randn_like(state)).sum() for state in states)
    gradients = torch.autograd.grad(loss, leaves)
    return [*states, *gradients], dict(module.named_buffers())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("candidates", [DARTS, tuple(CANDIDATES)], ids=["darts", "all"])
def test_the_fused_sum_is_the_sum_of_the_operations_one_by_one(candidates, shape, stride, training, kernel):
    nodes = nodes_of(candidates, shape, stride, kernel=kernel)
    inputs, gates = problem(nodes, shape)
    nodes(inputs, gates, active_gates(gates))  # statistics that are not at their start
    nodes.train(training)
    plain = copy.deepcopy(nodes)
    fused, statistics = results(lambda x, g: nodes(x, g, active_gates(g)), nodes, inputs, gates)
    singly, expected = results(lambda x, g: one_by_one(plain, x, g), plain, inputs, gates)
    for ours, theirs in zip(fused, singly, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)
    for name, tensor in expected.items():
        if ".pools." not in f".{name}":  # shared: normalised once a pass, not once for each edge
            torch.testing.assert_close(statistics[name], tensor, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", DARTS[1:])
def test_each_operation_in_single_precision(name, kernel):
    torch.manual_seed(0)
    nodes = MixedNodes((name,), 2, 8, (1,), 1, normalise_pools=True)
    nodes.kernel = KERNELS[kernel]
    plain = copy.deepcopy(nodes)
    x = torch.randn(4, 8, 16, 16).contiguous(memory_format=torch.channels_last)
    (ours,) = nodes([x], torch.ones(1, 1), [[True]])
    theirs = plain.operation(0, 0, name)(x)
    assert (ours - theirs).norm() <= 1e-5 * theirs.norm()
    for own, expected in zip(nodes.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_agree_with_finite_differences(kernel):
    nodes = nodes_of(("avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3", "conv_1x1"), (5, 4), nodes=1, kernel=kernel)
    inputs, gates = problem(nodes, (5, 4))
    assert torch.autograd.gradcheck(lambda g, *x: tuple(nodes(x, g, active_gates(g))), (gates, *inputs), atol=1e-5)


def test_a_channel_that_is_constant_is_normalised_to_zero():
    nodes = MixedNodes(("sep_conv_3x3", "conv_1x1"), 2, 4, (1,), 1, normalise_pools=True)
    x = torch.full((2, 4, 6, 6), -1.0, requires_grad=True)
    gates = torch.ones(1, 2, requires_grad=True)
    (y,) = nodes([x], gates, active_gates(gates))
    assert torch.equal(y, torch.zeros_like(y))
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), [x, gates, *nodes.parameters()]))


def test_edges_are_numbered_node_by_node():
    assert [list(edges) for edges in edges_into(2, 3)] == [[0, 1], [2, 3, 4], [5, 6, 7, 8]]


def test_a_gate_of_zero_has_no_gradient_and_its_operation_keeps_its_statistics():
    nodes = nodes_of(DARTS, (8, 7), nodes=1)
    inputs, gates = problem(nodes, (8, 7))
    gates = torch.where(torch.arange(8) == 4, gates, 0.0).detach().requires_grad_()
    before = {name: buffer.clone() for name, buffer in nodes.named_buffers()}
    (state,) = nodes(inputs, gates, active_gates(gates))
    (gradient,) = torch.autograd.grad(state.square().sum(), gates)
    assert gradient[:, 4].all()
    assert not gradient[:, [0, 1, 2, 3, 5, 6, 7]].any()
    moved = {name for name, buffer in nodes.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved
    assert all("sep_conv_3x3" in name for name in moved)


def test_without_any_gate_a_node_is_zero():
    nodes = nodes_of(DARTS, (8, 7), stride=2, nodes=1)
    inputs, gates = problem(nodes, (8, 7))
    (state,) = nodes(inputs, torch.zeros_like(gates), active_gates(torch.zeros_like(gates)))
    assert torch.equal(state, torch.zeros(3, 4, 4, 4))
    assert isinstance(nodes.zero, nn.Module)
