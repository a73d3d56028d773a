"""What every supernet promises. Add one line to ALL_SUPERNETS for each kind of input and mixture of a new one."""

import copy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from archwright.data.problem import Problem
from archwright.errors import InputError, ShapeError
from archwright.network.supernet import Supernet
from archwright.ops.carried_state import begin_stream
from archwright.search_space import make_space, space_names

NOT_COMPUTED = "none"
CHAIN = {"width": 4, "most_blocks": 2, "pooling": "stride", "connectivity": "residual", "activation": "relu"}
MADE = {}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Case:
    """`settings`: for a fast supernet whose architectures and gates correspond one to one."""

    space: str
    input_shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    text: bool = False

    @property
    def problem(self):
        return Problem("toy", "language_modelling" if self.text else "classification", self.input_shape, outputs=3)

    def make_space(self):
        return make_space(self.space, self.settings).for_problem(self.problem)

    def make(self, seed=0):
        """A copy of a supernet in double precision, with weights and statistics that are no longer at their start; it trains."""
        key = (str(self), seed)
        if key not in MADE:
            MADE[key] = self.make_anew(seed)
        return copy.deepcopy(MADE[key])

    def make_anew(self, seed=0):
        torch.manual_seed(seed)
        supernet = self.make_space().supernet(self.problem).double()
        supernet.register_forward_pre_hook(lambda module, _: begin_stream(module))
        for _ in range(2):
            supernet(self.batch(seed), torch.rand(supernet.mixture.shape, dtype=torch.float64) * supernet.mixture.mask)
        with torch.no_grad():
            for parameter in supernet.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        return supernet

    def architectures(self, count):
        space = self.make_space()
        return [space.sample(Random(seed)) for seed in range(count)]

    def batch(self, seed=0):
        draw = torch.Generator().manual_seed(seed)
        if self.text:
            return torch.randint(3, (6, *self.input_shape), generator=draw)
        return torch.randn(6, *self.input_shape, dtype=torch.float64, generator=draw)

    def outputs(self, rows):
        """The shape of what networks return."""
        return (rows, *self.input_shape, 3) if self.text else (rows, 3)

    def __str__(self):
        return "-".join([self.space, *map(str, self.settings.values()), "x".join(map(str, self.input_shape))])


ALL_SUPERNETS = [
    Case("cell", (2, 9, 8), {"blocks": 2, "filters": 2, "reductions": 1}),
    Case("cell", (2, 19), {"blocks": 3, "filters": 2, "reductions": 1}),
    Case("cell", (1, 8, 8), {"blocks": 2, "filters": 2, "operations": "nasnet", "cells": 1, "reductions": 1}),
    Case("enas_macro", (2, 9, 8), {"layers": 4, "filters": 2}),
    Case("enas_macro", (2, 19), {"layers": 5, "filters": 3, "reductions": 2}),
    Case("enas_micro", (2, 9, 8), {"nodes": 4, "filters": 2, "reductions": 1, "inputs": "distinct"}),
    Case("nasbench201", (2, 8, 9), {"repeats": 1, "filters": 2}),
    Case("nasbench201", (2, 17), {"repeats": 1, "filters": 2}),
    Case("chain", (6,), CHAIN),
    Case("chain", (6,), {**CHAIN, "connectivity": "dense", "activation": "silu", "most_blocks": 3}),
    Case("chain", (2, 20), {**CHAIN, "connectivity": "plain", "pooling": "max", "width": 5, "stages": 2}),
    Case("chain", (2, 9, 8), {**CHAIN, "activation": "gelu"}),
    Case("chain", (2, 9, 8), {**CHAIN, "connectivity": "dense", "pooling": "average", "width": 5}),
    Case("recurrent", (5,), {"nodes": 4, "width": 4}, text=True),
    Case("recurrent", (5,), {"nodes": 3, "width": 5, "highway": False}, text=True),
    Case("recurrent", (4,), {"nodes": 3, "width": 4, "averaged": "all_nodes"}, text=True),
]
each = pytest.mark.parametrize("case", ALL_SUPERNETS, ids=str)


def rows(supernet, gates):
    return zip(supernet.mixture.edges, gates, strict=True)


def positive_gates(supernet, seed=0):
    """Softmax of random numbers, with zeros where there is no candidate."""
    mask = supernet.mixture.mask
    logits = torch.randn(mask.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return logits.masked_fill(~mask, -torch.inf).softmax(dim=1)


def sparse_gates(supernet, seed=0):
    """Nonnegative gates, about half of them zero, but never that of an edge's last candidate."""
    closed = torch.rand(supernet.mixture.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    for row, edge in enumerate(supernet.mixture.edges):
        closed[row, len(edge.candidates) - 1] = False
    return positive_gates(supernet, seed).masked_fill(closed, 0.0)


def gradients(supernet, x, gates):
    """The gradient of a weighted sum of the outputs with respect to the gates."""
    gates = gates.clone().requires_grad_()
    return torch.autograd.grad(loss(supernet(x, gates)), gates)[0]


def loss(outputs):
    return (outputs * torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)).sum()


def test_every_space_of_the_library_is_covered_or_says_that_it_has_no_supernet():
    for name in set(space_names()) - {case.space for case in ALL_SUPERNETS}:
        with pytest.raises(InputError, match="has no supernet"):
            make_space(name).supernet(Problem("toy", "classification", (2, 9, 8), outputs=3))


@each
@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
def test_an_extracted_network_has_the_supernets_output_under_its_gates(case, training):
    supernet, x = case.make().train(training), case.batch(1)
    for architecture in case.architectures(4):
        plain = supernet.extract(architecture)
        assert plain.training == training
        torch.testing.assert_close(plain(x), supernet(x, supernet.gates_of(architecture)))


@each
def test_a_step_under_one_hot_gates_equals_a_step_of_the_single_network(case):
    """Weight gradients and running statistics equal those of the plain network."""
    for architecture in case.architectures(3):
        supernet, x = case.make(), case.batch(1)
        plain, gates = supernet.extract(architecture), supernet.gates_of(architecture)
        for module, outputs in ((supernet, supernet(x, gates)), (plain, plain(x))):
            loss(outputs).backward()
            torch.optim.SGD(module.parameters(), lr=0.01).step()
        expected, found = plain.state_dict(), supernet.extract(architecture).state_dict()
        scales = {f"{name}.{key}" for name, m in plain.named_modules() if isinstance(m, NORMS) for key in ("weight", "bias")}
        for name in expected.keys() - scales:
            torch.testing.assert_close(found[name], expected[name], msg=lambda text, name=name: f"{name}: {text}")


@each
def test_gates_and_architectures_are_equivalent(case):
    supernet = case.make()
    assert isinstance(supernet, Supernet)
    for architecture in case.architectures(10):
        gates = supernet.gates_of(architecture)
        choice = {edge.name: edge.candidates[int(row.argmax())] for edge, row in rows(supernet, gates) if row.any()}
        assert supernet.architecture_of(choice) == architecture


@each
def test_gates_are_one_hot_on_as_many_edges_into_each_target_as_are_kept(case):
    supernet = case.make()
    mixture = supernet.mixture
    assert len({edge.name for edge in mixture.edges}) == len(mixture.edges)
    assert min(len(edge.candidates) for edge in mixture.edges) > 1
    for architecture in case.architectures(5):
        gates = supernet.gates_of(architecture)
        assert gates.shape == mixture.shape == mixture.mask.shape
        assert set(gates.unique().tolist()) == {0.0, 1.0}
        assert not gates[~mixture.mask].any()
        for target, edges in mixture.targets.items():
            assert gates[list(edges)].sum() == mixture.keeps(target)


@each
def test_gates_of_another_shape_are_an_error(case):
    supernet = case.make()
    edges, candidates = supernet.mixture.shape
    with pytest.raises(ShapeError, match=rf"\({edges}, {candidates}\)"):
        supernet(case.batch(), torch.ones(edges + 1, candidates))


@each
def test_every_candidates_gate_except_that_of_none_gets_a_gradient(case):
    supernet = case.make()
    gradient = gradients(supernet, case.batch(), positive_gates(supernet))
    for edge, row in rows(supernet, gradient):
        for candidate, value in zip(edge.candidates, row, strict=False):
            assert (value != 0) == (candidate != NOT_COMPUTED), f"{edge.name}: {candidate}"


@each
@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
def test_the_gradient_of_the_gates_agrees_with_finite_differences(case, training):
    torch.manual_seed(1)
    supernet, x = case.make().train(training), case.batch()
    gates = positive_gates(supernet)
    gradient = gradients(supernet, x, gates)
    directions = [torch.randn_like(gates) * supernet.mixture.mask for _ in range(3)]
    edges = torch.arange(len(gates)) % 4  # and of every fourth edge alone
    directions += [directions[0] * (edges == number)[:, None] for number in range(4)]
    for direction in directions:
        expected = (gradient * direction).sum()  # a long step may cross a kink of ReLU or max, a short one is rounded more
        slopes = (slope(supernet, x, gates, direction, step) for step in (1e-6, 1e-7, 1e-5))
        assert any(torch.isclose(found, expected, rtol=1e-4, atol=1e-5) for found in slopes), f"not {expected}"


def slope(supernet, x, gates, direction, step):
    with torch.no_grad():
        difference = loss(supernet(x, gates + step * direction)) - loss(supernet(x, gates - step * direction))
    return difference / (2 * step)


@each
def test_a_candidate_with_a_gate_of_zero_gets_no_gradient(case):
    supernet = case.make()
    gates = sparse_gates(supernet)
    gradient = gradients(supernet, case.batch(), gates)
    assert not gradient[gates == 0].any()
    assert gradient[gates != 0].any()


@each
def test_all_weights_learn_and_under_one_hot_gates_only_those_of_the_single_network(case):
    supernet = case.make()
    loss(supernet(case.batch(), positive_gates(supernet))).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in supernet.parameters())
    for architecture in case.architectures(3):
        supernet.zero_grad()
        loss(supernet(case.batch(), supernet.gates_of(architecture))).backward()
        moved = sum(int((p.grad != 0).sum()) for p in supernet.parameters() if p.grad is not None)
        assert 0 < moved <= sum(parameter.numel() for parameter in supernet.extract(architecture).parameters())


@each
def test_one_hot_gates_cost_about_as_much_as_the_single_network(case):
    """The moments of an operation's input may be computed in addition."""
    supernet, x = case.make(), case.batch()
    for architecture in case.architectures(4):
        plain, gates = supernet.extract(architecture), supernet.gates_of(architecture)
        assert operations(supernet, x, gates) <= 1.5 * operations(plain, x)


@each
def test_candidates_with_a_gate_of_zero_are_not_computed(case):
    supernet, x = case.make(), case.batch()
    gates = positive_gates(supernet)
    all_open = operations(supernet, x, gates, products=True)
    for row, edge in enumerate(supernet.mixture.edges):
        closed = gates.clone()
        closed[row, 1:] = 0.0
        cost = operations(supernet, x, closed, products=True)
        assert cost < all_open, f"{edge.name}: with one candidate it costs as much as with all"


def operations(module, *inputs, products=False):
    """Multiplications and additions in convolutions and matrix products, optionally with the `products` of gates and tensors."""
    with torch.no_grad(), Counter() as counter:
        module(*inputs)
    assert counter.operations > 0
    return counter.operations + products * counter.products


class Counter(TorchDispatchMode):
    operations = 0
    products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        self.operations += count(*args, **(kwargs or {}), out_val=out) if count else 0
        self.products += out.numel() if func.overloadpacket is torch.ops.aten.mul else 0
        return out


@each
def test_the_extracted_weights_are_copies_of_the_supernets_and_no_random_numbers_are_drawn(case):
    supernet = case.make()
    state = torch.random.get_rng_state()
    held = torch.cat([tensor.flatten().double() for tensor in supernet.state_dict().values()])
    memory = {tensor.untyped_storage().data_ptr() for tensor in supernet.state_dict().values()}
    for architecture in case.architectures(4):
        extracted = supernet.extract(architecture).state_dict().values()
        values = torch.cat([tensor.flatten().double() for tensor in extracted])
        assert torch.isin(values, torch.cat([held, torch.tensor([0.0, 1.0])])).all(), "scales of 1 and shifts of 0 may be new"
        assert memory.isdisjoint(tensor.untyped_storage().data_ptr() for tensor in extracted)
        assert {tensor.dtype for tensor in extracted} <= {torch.float64, torch.int64}
    assert torch.equal(torch.random.get_rng_state(), state)


@each
def test_a_supernet_is_unchanged_after_saving_and_loading(case):
    supernet, other = case.make(seed=0).eval(), case.make(seed=1).eval()
    x, gates = case.batch(), positive_gates(supernet)
    assert not torch.allclose(other(x, gates), supernet(x, gates))
    other.load_state_dict({name: tensor.clone() for name, tensor in supernet.state_dict().items()})
    assert torch.equal(other(x, gates), supernet(x, gates))


@each
def test_the_same_seed_gives_the_same_and_nothing_is_stored_twice(case):
    one, two = case.make(), case.make_anew()
    x, gates = case.batch(), positive_gates(one)
    assert torch.equal(one(x, gates), two(x, gates))
    places = [tensor.data_ptr() for tensor in one.state_dict().values()]
    assert len(places) == len(set(places))


@each
def test_the_extracted_network_is_the_spaces_own_module_and_takes_any_batch(case):
    space, supernet = case.make_space(), case.make().eval()
    for architecture in case.architectures(3):
        plain = supernet.extract(architecture)
        assert type(plain) is type(space.network(architecture, case.problem))
        assert plain(case.batch()[:1]).shape == case.outputs(1)
        assert all(parameter.requires_grad for parameter in plain.parameters())


@each
def test_it_can_be_built_on_the_meta_device_to_see_what_it_mixes(case):
    with torch.device("meta"):
        supernet = case.make_space().supernet(case.problem)
    assert all(parameter.is_meta for parameter in supernet.parameters())
    assert supernet.mixture == case.make().mixture
