import copy

import pytest
import torch

from archwright.ops.candidate_operations import CANDIDATES
from archwright.ops.global_batch_norm import global_statistics
from archwright.ops.mixed_nodes import MixedNodes, active_gates
from archwright.process_group import SINGLE_PROCESS

DARTS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
SHAPES = {"2-D": (8, 7), "1-D": (13,)}


def nodes_of(candidates, shape, kernel, stride=1, nodes=2):
    torch.manual_seed(0)
    made = MixedNodes(candidates, len(shape), 4, (stride, stride), nodes, normalise_pools=True).double()
    made.kernel = kernel
    return made


def one_by_one(nodes, inputs, gates):
    """Equation 2 literally: each operation's own module, its output times its gate, and a sum."""
    states = list(inputs)
    for edges in nodes.edges_into:
        terms = [
            gates[edge, column] * nodes.operation(edge, state, name)(states[state])
            for state, edge in enumerate(edges)
            for column, name in enumerate(nodes.candidates)
            if name != "none"
        ]
        states.append(sum(terms))
    return states[nodes.inputs :]


def leaves(nodes, shape):
    inputs = [torch.randn(3, 4, *shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    gates = torch.rand(nodes.edges_into[-1].stop, len(nodes.candidates), dtype=torch.float64)
    return inputs, gates.requires_grad_()


def results(function, module, inputs, gates):
    """States, and all gradients of a random projection of them."""
    torch.manual_seed(1)
    states = function(inputs, gates)
    loss = sum((state * torch.randn(state.shape, dtype=state.dtype)).sum() for state in states)
    return [*states, *torch.autograd.grad(loss, [gates, *inputs, *module.parameters()])]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("candidates", [DARTS, tuple(CANDIDATES)], ids=["darts", "all"])
def test_nodes_equal_the_sums_of_the_single_operations(candidates, shape, stride, training, kernel):
    nodes = nodes_of(candidates, shape, kernel, stride)
    inputs, gates = leaves(nodes, shape)
    nodes(inputs, gates, active_gates(gates))  # statistics that are not at their start
    plain = copy.deepcopy(nodes.train(training))
    fused = results(lambda x, g: nodes(x, g, active_gates(g)), nodes, inputs, gates)
    singly = results(lambda x, g: one_by_one(plain, x, g), plain, inputs, gates)
    for ours, theirs in zip(fused, singly, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)
    for (name, ours), theirs in zip(nodes.named_buffers(), plain.buffers(), strict=True):
        if not name.startswith("pools."):  # a pooling is normalised once a pass, not once for each edge
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", DARTS[1:])
def test_each_operation_in_single_precision(name, kernel):
    torch.manual_seed(0)
    nodes = MixedNodes((name,), 2, 8, (1,), 1, normalise_pools=True)
    nodes.kernel = kernel
    plain = copy.deepcopy(nodes)
    x = torch.randn(4, 8, 16, 16)
    (ours,) = nodes([x], torch.ones(1, 1), [[True]])
    theirs = plain.operation(0, 0, name)(x)
    assert (ours - theirs).norm() <= 1e-5 * theirs.norm()
    for own, expected in zip(nodes.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-6)


def test_a_gate_of_zero_has_no_gradient_and_the_statistics_of_its_operation_stay(kernel):
    nodes = nodes_of(DARTS, (8, 7), kernel, nodes=1)
    inputs, gates = leaves(nodes, (8, 7))
    gates = torch.where(torch.arange(8) == 4, gates, 0.0).detach().requires_grad_()
    before = {name: buffer.clone() for name, buffer in nodes.named_buffers()}
    (state,) = nodes(inputs, gates, active_gates(gates))
    (gradient,) = torch.autograd.grad(state.square().sum(), gates)
    assert gradient[:, 4].all()
    assert not gradient[:, [0, 1, 2, 3, 5, 6, 7]].any()
    moved = {name for name, buffer in nodes.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved
    assert all("sep_conv_3x3" in name for name in moved)


def test_without_any_gate_a_node_is_zero(kernel):
    nodes = nodes_of(DARTS, (8, 7), kernel, stride=2, nodes=1)
    inputs, gates = leaves(nodes, (8, 7))
    (state,) = nodes(inputs, torch.zeros_like(gates), active_gates(torch.zeros_like(gates)))
    assert torch.equal(state, torch.zeros(3, 4, 4, 4, dtype=torch.float64))


def test_a_pooling_of_one_state_is_computed_once(kernel):
    nodes = nodes_of(("max_pool_3x3",), (8, 7), kernel, nodes=3)
    inputs, gates = leaves(nodes, (8, 7))
    nodes(inputs, gates, active_gates(gates))
    assert [int(pools["max_pool_3x3"][1].num_batches_tracked) for pools in nodes.pools] == [1, 1, 1, 1]


def of_a_part(process_group, nodes, inputs, gates, projections):
    """`results` for this process's rows; gradients of shared tensors are this process's contribution."""
    with global_statistics(nodes, process_group):
        part = process_group.shard(len(inputs[0]))
        own = [x.detach()[part].clone().requires_grad_() for x in inputs]
        states = nodes(own, gates, active_gates(gates))
        loss = sum((state * projection[part]).sum() for state, projection in zip(states, projections, strict=True))
        gradients = torch.autograd.grad(loss, [*own, gates, *nodes.parameters()])
    divided = [*(state.detach() for state in states), *gradients[: len(own)]]
    return [
        *(process_group.all_gather(rows) for rows in divided),
        *(process_group.all_reduce(gradient) for gradient in gradients[len(own) :]),
        *(buffer.clone() for buffer in nodes.buffers()),
    ]


@pytest.mark.parametrize("stride", [1, 2])
def test_two_processes_give_the_same_result_as_one(stride, kernel, in_two_processes):
    nodes = nodes_of(DARTS, (8, 7), kernel, stride)
    inputs, gates = leaves(nodes, (8, 7))
    projections = [torch.randn(3, 4, *[-(-side // stride) for side in (8, 7)], dtype=torch.float64) for _ in range(2)]
    expected = of_a_part(SINGLE_PROCESS, copy.deepcopy(nodes), inputs, gates, projections)
    for found in in_two_processes(of_a_part, nodes, inputs, gates, projections):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)
