import importlib.util
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

from archwright.data.problem import Problem
from archwright.errors import InputError, ShapeError
from archwright.network.supernet import Supernet
from archwright.ops.mixed_nodes import MixedNodes
from archwright.ops.mixed_sum_kernel import PlainKernel
from archwright.ops.native import compiled_kernel
from archwright.search_space.cell import Cell

IMAGES = Problem("images", "classification", input_shape=(2, 8, 7), outputs=3)
SERIES = Problem("series", "classification", input_shape=(2, 13), outputs=3)
DARTS = Cell(blocks=3, filters=4, reductions=1)
SPACES = {
    "darts": DARTS,
    "no reduction": Cell(blocks=2, filters=4, reductions=0),
    "one cell": Cell(operations="pnas", inputs="any", cells=1, blocks=2, filters=4, reductions=1),
    "nasnet": Cell(operations="nasnet", inputs="any", blocks=2, filters=4, reductions=1),
    "enas": Cell(operations="enas", inputs="any", blocks=3, filters=4, reductions=2),
    "darts, any": Cell(inputs="any", blocks=2, filters=4, reductions=1),
}


def choice_of(supernet, gates):
    """Reads one-hot gates, edge by edge."""
    edges = supernet.mixture.edges
    return {edge.name: edge.candidates[int(row.argmax())] for edge, row in zip(edges, gates, strict=True) if row.any()}


def trained(supernet, problem, seed=0):
    """With statistics and weights that differ from their initial values."""
    torch.manual_seed(seed)
    for _ in range(2):
        supernet(torch.randn(6, *problem.input_shape), torch.rand(supernet.mixture.shape))
    with torch.no_grad():
        for parameter in supernet.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return supernet


@pytest.mark.parametrize("problem", [IMAGES, SERIES], ids=["2-D", "1-D"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_an_extracted_network_has_the_supernets_output(space, problem):
    torch.manual_seed(0)
    supernet = trained(space.supernet(problem), problem)
    for seed in range(3):
        architecture = space.sample(Random(seed))
        gates = supernet.gates_of(architecture)
        x = torch.randn(5, *problem.input_shape)
        for module in (supernet.eval(), supernet.train()):
            plain = module.extract(architecture)
            assert plain.training == module.training
            torch.testing.assert_close(plain(x), module(x, gates), rtol=1e-4, atol=1e-5)


def test_the_extracted_network_is_that_of_the_space_except_for_normalised_pools():
    architecture = DARTS.sample(Random(0))
    plain = DARTS.network(architecture, IMAGES)
    extracted = DARTS.supernet(IMAGES).extract(architecture)
    assert [(n, p.shape) for n, p in extracted.named_parameters()] != []
    sizes = [sum(p.numel() for p in module.parameters()) for module in (plain, extracted)]
    assert sizes[0] == sizes[1]
    pools = [name for name, m in plain.named_modules() if "Pool" in type(m).__name__ and "cells" in name]
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in module.modules()) for module in (plain, extracted)]
    assert norms[1] == norms[0] + len(pools)
    assert pools


@pytest.mark.parametrize("space", [DARTS, SPACES["no reduction"]])
def test_gates_and_architectures_are_equivalent(space):
    supernet = space.supernet(IMAGES)
    for seed in range(5):
        architecture = space.sample(Random(seed))
        gates = supernet.gates_of(architecture)
        assert gates.sum() == 2 * len(supernet.mixture.targets)
        again = supernet.architecture_of(choice_of(supernet, gates))
        assert again == architecture


def test_with_any_inputs_the_order_of_the_inputs_is_lost_and_a_state_read_twice_with_two_operations_has_no_choice():
    space = SPACES["enas"]
    supernet = space.supernet(IMAGES)
    answers = {f"{cell}/{block}/input/{i}": 1 - i for cell in ("normal", "reduction") for block in range(3) for i in range(2)}
    answers |= {
        f"{cell}/{block}/operation/{i}": ("sep_conv_3x3", "skip_connect")[i]
        for cell in ("normal", "reduction")
        for block in range(3)
        for i in range(2)
    }
    architecture = space.architecture(answers)
    again = supernet.architecture_of(choice_of(supernet, supernet.gates_of(architecture)))
    assert again != architecture
    assert space.canonical(again) == space.canonical(architecture)
    twice = space.architecture({**answers, "normal/0/input/0": 0, "normal/0/operation/0": "skip_connect"})
    gates = supernet.gates_of(twice)
    assert gates.max() == 2
    with pytest.raises(InputError, match="node normal/2 has 1 edge:"):
        supernet.architecture_of(choice_of(supernet, gates))


def test_it_is_a_supernet_with_the_fourteen_edges_of_a_darts_cell():
    supernet = Cell().supernet(IMAGES)
    assert isinstance(supernet, Supernet)
    assert supernet.mixture.shape == (28, 8)
    assert supernet.mixture.edges[0].name == "normal/0->2"
    assert supernet.mixture.edges[27].name == "reduction/4->5"
    assert {supernet.mixture.keeps(target) for target in supernet.mixture.targets} == {2}


def test_an_error_about_gates_states_both_shapes():
    with pytest.raises(ShapeError, match=r"gates have shape \(2, 3\): give one per edge and candidate, \(18, 8\)"):
        DARTS.supernet(IMAGES)(torch.randn(2, 2, 8, 7), torch.ones(2, 3))


def test_a_candidate_with_a_gate_of_zero_is_not_computed():
    supernet = DARTS.supernet(IMAGES)
    gates = torch.zeros(supernet.mixture.shape)
    gates[:9, 4] = 0.5  # sep_conv_3x3 everywhere in the normal cell, nothing in the reduction cell
    gates.requires_grad_()
    supernet(torch.randn(4, 2, 8, 7), gates).sum().backward()
    used = {name for name, p in supernet.named_parameters() if p.grad is not None and "nodes" in name}
    assert used
    assert all("sep_conv_3x3" in name and name.startswith("cells.0.") for name in used if name.startswith("cells.0."))
    assert not any(name.startswith("cells.1.") for name in used)
    assert not gates.grad[:, [0, 1, 2, 3, 5, 6, 7]].any()


@pytest.mark.parametrize("problem", [IMAGES, SERIES], ids=["2-D", "1-D"])
def test_with_partial_channels_a_quarter_of_them_is_mixed(problem):
    space = Cell(blocks=2, filters=8, reductions=1)
    supernet = space.supernet(problem, partial_channels=4)
    gates = torch.rand(supernet.mixture.shape, requires_grad=True)
    supernet(torch.randn(4, *problem.input_shape), gates).sum().backward()
    assert gates.grad.abs().sum() > 0
    widths = {m.in_channels for name, m in supernet.named_modules() if "nodes.edges" in name and hasattr(m, "in_channels")}
    assert widths == {2, 4}
    with pytest.raises(InputError, match="partial_channels=4 the shared weights do not fit a plain network"):
        supernet.extract(space.sample(Random(0)))
    with pytest.raises(InputError, match="partial_channels=3 does not divide 8 channels"):
        space.supernet(problem, partial_channels=3)


def test_the_auxiliary_skip_is_outside_the_gates_and_off_at_zero():
    torch.manual_seed(0)
    supernet = DARTS.supernet(IMAGES, auxiliary_skip=True).eval()
    assert supernet.auxiliary_skip == 1.0
    architecture = DARTS.sample(Random(1))
    x, gates = torch.randn(3, 2, 8, 7), supernet.gates_of(architecture)
    plain = supernet.extract(architecture)
    assert not torch.allclose(plain(x), supernet(x, gates), atol=1e-3)
    supernet.auxiliary_skip = 0.0
    torch.testing.assert_close(plain(x), supernet(x, gates))


def test_at_stride_one_an_auxiliary_skip_adds_to_the_skip_gate():
    torch.manual_seed(0)
    space = SPACES["no reduction"]
    supernet = space.supernet(IMAGES, auxiliary_skip=True)
    x, gates = torch.randn(3, 2, 8, 7), torch.rand(supernet.mixture.shape)
    supernet.auxiliary_skip = 0.25
    more = gates.clone()
    more[:, supernet.mixture.edges[0].candidates.index("skip_connect")] += 0.25
    one = supernet(x, gates)
    supernet.auxiliary_skip = 0.0
    torch.testing.assert_close(one, supernet(x, more), rtol=1e-4, atol=1e-5)


def reference_supernet():
    """The reference class of the benchmark, written from the paper with one module per operation."""
    path = Path(__file__).parents[2] / "benchmarks" / "reference_supernet.py"
    spec = importlib.util.spec_from_file_location("reference_supernet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ReferenceSupernet


def pairs_of(supernet, reference):
    """Pairs (own module, the reference's) of all modules with weights or statistics."""
    yield supernet.stem, reference.stem
    yield supernet.classifier, reference.classifier
    for own, other in zip(supernet.cells, reference.cells, strict=True):
        yield own.before_last, other.align0
        yield own.last, other.align1
        for edges in own.nodes.edges_into:
            for state, edge in enumerate(edges):
                for name, operation in zip(own.nodes.candidates, other.edges[edge].operations, strict=True):
                    if name != "none":
                        yield own.nodes.operation(edge, state, name), operation


@pytest.mark.parametrize("kernel", [PlainKernel(), compiled_kernel()], ids=["plain", "native"])
def test_output_and_gradients_equal_those_of_one_module_per_operation(kernel):
    """In double precision, where rounding flips no ReLU and no maximum."""
    if kernel is None:
        pytest.skip("the compiled kernel is not built: `make native`")
    torch.manual_seed(0)
    problem = Problem("images", "classification", input_shape=(3, 16, 16), outputs=10)
    supernet = Cell(filters=4, reductions=2).supernet(problem).double()
    reference = reference_supernet()(4, 5).double()
    assert sum(p.numel() for p in supernet.parameters()) == sum(p.numel() for p in reference.parameters())
    for nodes in supernet.modules():
        if isinstance(nodes, MixedNodes):
            nodes.kernel = kernel
    pairs = list(pairs_of(supernet, reference))
    with torch.no_grad():
        for own, other in pairs:
            for ours, theirs in zip(own.parameters(), other.parameters(), strict=True):
                theirs.copy_(ours)
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    gates = torch.randn(28, 8, dtype=torch.float64).softmax(dim=1).requires_grad_()
    ours, theirs = supernet(x, gates), reference(x, gates)
    torch.testing.assert_close(ours, theirs)
    own_weights, weights = ([p for pair in pairs for p in pair[side].parameters()] for side in (0, 1))
    for found, expected in zip(
        torch.autograd.grad(ours.square().sum(), [gates, *own_weights]),
        torch.autograd.grad(theirs.square().sum(), [gates, *weights]),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8 * max(1.0, float(expected.abs().max())))
    for own, other in pairs:
        for found, expected in zip(own.buffers(), other.buffers(), strict=True):
            if found.is_floating_point():
                torch.testing.assert_close(found, expected)
