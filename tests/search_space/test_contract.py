"""What every search space promises. A new space joins by a line in ALL_SPACES for each kind of input it takes."""

import contextlib
import dataclasses
import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

import pytest
import torch

from archwright.architecture.architecture import Architecture
from archwright.architecture.variation import questions_asked
from archwright.cost.macs import multiply_accumulates
from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownSetting
from archwright.search_space import make_space, space_names
from archwright.search_strategy.surrogates.weisfeiler_lehman import weisfeiler_lehman_counts
from archwright.settings import settings_of


@dataclass(frozen=True)
class Case:
    """`settings`: a quick network. `small`: further settings under which all architectures can be listed.

    `equal_cost`: whether networks with the same `canonical` text have the same parameters and MACs. `text`: whether the input is
    tokens, and the output logits for each of them.
    """

    space: str
    input_shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] = field(default_factory=dict)
    equal_cost: bool = True
    text: bool = False

    @property
    def problem(self):
        return Problem("toy", "language_modelling" if self.text else "classification", self.input_shape, outputs=3)

    def batch(self, rows):
        return torch.randint(3, (rows, *self.input_shape)) if self.text else torch.randn(rows, *self.input_shape)

    def outputs(self, rows):
        """The shape of what networks return."""
        return (rows, *self.input_shape, 3) if self.text else (rows, 3)

    def make(self):
        return make_space(self.space, self.settings).for_problem(self.problem)

    def make_small(self):
        return make_space(self.space, {**self.settings, **self.small}).for_problem(self.problem)

    def __str__(self):
        return "-".join([self.space, *map(str, self.settings.values()), "x".join(map(str, self.input_shape))])


# NAS-Bench-201's own reduction reads a cell as an expression, which does not say whether equal terms share their weights.
ALL_SPACES = [
    Case("cell", (2, 9, 8), {"blocks": 2, "filters": 2}, {"blocks": 1, "operations": "enas"}),
    Case("cell", (1, 20), {"blocks": 3, "filters": 2, "operations": "nasnet", "inputs": "any"}, {"blocks": 1, "cells": 1}),
    Case("cell", (1, 8, 8), {"inputs": "any", "cells": 1, "filters": 2, "operations": "darts"}, {"blocks": 1}),
    Case("cell", (1, 20), {"blocks": 2, "fewest_blocks": 1, "cells": 1, "filters": 2, "operations": "enas"}),
    Case("chain", (6,), {"width": 4}, {"stages": 2}),
    Case("chain", (2, 32), {"width": 4}, {"stages": 1, "activation": "relu"}),
    Case("chain", (1, 9, 8), {"width": 4}, {"stages": 1, "activation": "relu"}),
    Case("enas_macro", (2, 9, 8), {"layers": 4, "filters": 2}, {"layers": 3}),
    Case("enas_macro", (2, 20), {"layers": 5, "filters": 2}, {"layers": 2}),
    Case("enas_micro", (2, 9, 8), {"nodes": 4, "filters": 2}, {"nodes": 3, "inputs": "distinct"}),
    Case("enas_micro", (1, 20), {"nodes": 4, "filters": 2, "fewest_nodes": 3}, {"nodes": 3, "reductions": 0}),
    Case("nasbench201", (3, 8, 9), {"repeats": 1, "filters": 2}, equal_cost=False),
    Case("nasbench201", (2, 16), {"repeats": 1, "filters": 2}, equal_cost=False),
    Case("recurrent", (7,), {"nodes": 5, "width": 4}, {"nodes": 3}, text=True),
    Case("recurrent", (7,), {"nodes": 4, "fewest_nodes": 2, "width": 4, "highway": False}, {"nodes": 3}, text=True),
]
each = pytest.mark.parametrize("case", ALL_SPACES, ids=str)
SMALL_SPACES = list({case.make_small(): case for case in ALL_SPACES}.values())
each_name = pytest.mark.parametrize("name", sorted({case.space for case in ALL_SPACES}))


def test_every_space_of_the_library_is_here():
    assert {case.space for case in ALL_SPACES} >= set(space_names())


@each
def test_what_is_made_is_valid(case):
    space, rng = case.make(), Random(1)
    for _ in range(20):
        mother, father = space.sample(rng), space.sample(rng)
        made = [mother, space.mutate(mother, rng), space.crossover(mother, father, rng), *islice(space.neighbours(mother), 30)]
        for architecture in made:
            assert space.architecture(dict(architecture.answers)) == architecture


@each
def test_neighbours_are_others_and_differ_among_themselves(case):
    space = case.make()
    architecture = space.sample(Random(2))
    neighbours = list(space.neighbours(architecture))
    assert len(set(neighbours)) == len(neighbours) > 0
    assert architecture not in neighbours


@each
def test_json_gives_back_the_architecture_the_space_and_the_network(case):
    space = case.make()
    for seed in range(10):
        architecture = space.sample(Random(seed))
        again = Architecture.from_json(json.loads(json.dumps(architecture.to_json(), allow_nan=False)))
        assert again == architecture
        space_again = make_space(again.space, again.settings)
        assert space_again == space
        assert space_again.describe(again) == space.describe(architecture)


@each
def test_the_same_seed_gives_the_same_and_others_differ(case):
    space = case.make()
    assert [space.sample(Random(seed)) for seed in range(30)] == [space.sample(Random(seed)) for seed in range(30)]
    assert len({space.sample(Random(seed)) for seed in range(30)}) > 15


@each
def test_questions_are_all_that_is_asked_and_each_name_fixes_its_options(case):
    space = case.make()
    known = {question.name: question for question in space.questions()}
    for seed in range(200):
        for name, question in questions_asked(space.decide, space.sample(Random(seed)).answers).items():
            assert known[name] == question


@each
def test_skips_are_among_the_questions(case):
    space = case.make()
    options = {question.name: question for question in space.questions()}
    assert all(options[name].position(answer) is not None for name, answer in space.skips().items())


@each
def test_the_encoding_has_a_fixed_length_and_a_single_one_per_answer(case):
    space = case.make()
    length = sum(len(question.options) for question in space.questions())
    codes = set()
    architectures = {space.sample(Random(seed)) for seed in range(30)}
    for architecture in architectures:
        code = space.encode(architecture)
        assert len(code) == length
        assert sum(code) == len(architecture.answers)
        codes.add(tuple(code))
    assert len(codes) == len(architectures)


@pytest.mark.parametrize("case", SMALL_SPACES, ids=str)
def test_equal_networks_have_equal_features_and_graphs_and_most_others_have_not(case):
    space, rng = case.make_small(), Random(6)
    seen = defaultdict(list)
    for architecture in (space.sample(rng) for _ in range(800)):
        seen[space.canonical(architecture)].append(architecture)
    kinds = set()
    for equal in seen.values():
        features = {(frozenset(f.counts.items()), frozenset(f.sizes.items())) for f in map(space.features, equal)}
        graphs = {repr([sorted(c.items()) for c in weisfeiler_lehman_counts(space.graph(a), 3)]) for a in equal}
        assert len(features) == len(graphs) == 1
        kinds |= features
    assert len(kinds) > 0.6 * len(seen)


@pytest.mark.parametrize("case", SMALL_SPACES, ids=str)
def test_the_count_is_what_enumeration_gives(case):
    space = case.make_small()
    architectures = list(space.enumerate())
    assert len(set(architectures)) == len(architectures) == space.count()
    assert space.count_distinct() in (None, len({space.canonical(architecture) for architecture in architectures}))


@each
def test_the_count_is_known_at_any_settings(case):
    assert case.make().count() > 1
    assert type(make_space(case.space).count()) is int


@each
def test_networks_with_the_same_canonical_text_cost_the_same(case):
    space, groups = case.make_small(), defaultdict(list)
    rng = Random(0)
    for architecture in {space.sample(rng) for _ in range(400)}:
        groups[space.canonical(architecture)].append(architecture)
    assert len(groups) > 1
    pairs = [group[:2] for group in groups.values() if len(group) > 1 and case.equal_cost]
    for pair in pairs[:5]:
        with torch.device("meta"):
            networks = [space.network(architecture, case.problem) for architecture in pair]
        assert len({parameter_count(network) for network in networks}) == 1
        assert len({multiply_accumulates(network, case.input_shape) for network in networks}) == 1


@each
def test_networks_run_forward_and_backward(case):
    space = case.make()
    for seed in range(3):
        torch.manual_seed(seed)
        network = space.network(space.sample(Random(seed)), case.problem)
        y = network(case.batch(3))
        assert y.shape == case.outputs(3)
        y.square().sum().backward()
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        assert gradients
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert network.eval()(case.batch(1)).shape == case.outputs(1)


@each
def test_weights_come_from_the_global_seed_and_are_stored_once(case):
    space = case.make()
    architecture = space.sample(Random(0))
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(space.network(architecture, case.problem).state_dict())
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    places = [tensor.data_ptr() for tensor in states[0].values()]
    assert len(set(places)) == len(places)


@each
def test_the_auxiliary_point_is_part_of_the_network(case):
    space = case.make()
    network = space.network(space.sample(Random(0)), case.problem)
    point = getattr(network, "auxiliary_point", None)
    if point is not None:
        seen = []
        point.register_forward_hook(lambda _, __, output: seen.append(output.shape[0]))
        network(case.batch(2))
        assert seen == [2]


@each
def test_fitting_settings_to_the_data_twice_changes_nothing(case):
    space = case.make()
    assert space.for_problem(case.problem) == space
    assert type(space) is type(make_space(case.space))


@each
def test_a_space_is_a_value(case):
    space = case.make()
    assert space == make_space(space.name, settings_of(space))
    assert hash(space) == hash(make_space(space.name, settings_of(space)))
    assert space.name == case.space
    for name in settings_of(space):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(space, name, 1)


@each_name
def test_bad_settings_are_named(name):
    with pytest.raises(UnknownSetting, match="no_such"):
        make_space(name, {"no_such": 1})
    for key in settings_of(make_space(name)):
        for value in ("gibberish", -1, [1]):
            with pytest.raises(UnknownSetting, match=f"space {name!r}.*{key!r}"):
                make_space(name, {key: value})


@each_name
@pytest.mark.parametrize("shape", [(3, 4, 4, 4), (1, 1, 1), (1, 1), (5,)])
def test_data_that_do_not_fit_are_refused_before_anything_is_built(name, shape):
    problem = Problem("toy", "classification", shape, outputs=2)
    with contextlib.suppress(InputError):
        space = make_space(name).for_problem(problem)
        assert space.network(space.sample(Random(0)), problem)(torch.randn(3, *shape)).shape == (3, 2)
        return
    with pytest.raises(InputError, match=f"{name}.*{re.escape(str(shape))}"):
        make_space(name).for_problem(problem)


@each_name
def test_a_space_of_images_refuses_text_and_the_other_way_round(name):
    space = make_space(name)
    text = Problem("novel", "language_modelling", (7,), outputs=3, level="character")
    images = Problem("photographs", "classification", (1, 28, 28), outputs=3)
    fitting, other = (text, images) if "language_modelling" in space.tasks else (images, text)
    space.for_problem(fitting)
    with pytest.raises(InputError, match=f"space '{name}'.*{other.task}"):
        space.for_problem(other)


@each_name
def test_asking_needs_no_torch(name):
    program = f"""
import sys
from random import Random
from archwright.search_space import make_space
space = make_space({name!r})
architecture = space.mutate(space.sample(Random(0)), Random(1))
space.describe(architecture), space.canonical(architecture), space.count(), space.encode(architecture)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


@each_name
def test_what_a_paper_says_about_the_size_has_its_source(name):
    published = make_space(name).published()
    if published is not None:
        assert published.value > 0
        assert published.formula
        assert published.source
