"""What every space that declares a growth order promises, and the orders of cell, chain, nasbench201 and recurrent."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from archwright.architecture.architecture import Architecture
from archwright.search_space import make_space
from archwright.search_space.cell import Cell
from archwright.search_space.nasbench201 import NASBench201

GROWING = {
    "cell": {"operations": "enas", "blocks": 3, "inputs": "any", "cells": 1},
    "chain": {"stages": 3, "operation": "mbconv", "most_blocks": 2},
    "nasbench201": {},
    "enas_macro": {"layers": 4},
    "enas_micro": {"nodes": 5},
    "recurrent": {"nodes": 4},
}


@pytest.mark.parametrize("name", GROWING)
def test_every_level_extends_the_one_before_with_architectures_of_the_space(name):
    order = make_space(name, GROWING[name]).growth_order()
    rng, parent = Random(0), None
    for level in range(1, order.levels + 1):
        grown = list(order.extensions(level, parent, 50, rng))
        assert grown
        for architecture in grown:
            assert order.space.architecture(dict(architecture.answers)) == architecture
        parent = rng.choice(grown)


def test_a_space_has_no_growth_order_by_default():
    from tests.search_space.test_search_space import Lines

    assert Lines().growth_order() is None


def test_too_many_extensions_are_sampled_at_random():
    order = Cell(operations="pnas", blocks=2, cells=1, inputs="any").growth_order()
    few = list(order.extensions(1, None, 40, Random(0)))
    assert len(few) == 40
    assert list(order.extensions(1, None, 40, Random(0))) == few != list(order.extensions(1, None, 40, Random(1)))
    assert len(list(order.extensions(1, None, 256, Random(0)))) == 256


def test_cells_grow_from_one_block_on():
    """Liu et al. 2018, section 3.1: 256 one-block cells, 136 of them distinct; then |I|^2 |O|^2 = 9 x 64 for a second block."""
    order = Cell(operations="pnas", blocks=5, cells=1, inputs="any").growth_order()
    first = list(order.extensions(1, None, 10_000, Random(0)))
    assert order.levels == 5
    assert order.space == Cell(operations="pnas", blocks=5, cells=1, inputs="any", fewest_blocks=1)
    assert (len(first), len({order.space.canonical(architecture) for architecture in first})) == (256, 136)
    second = list(order.extensions(2, first[77], 10_000, Random(0)))
    assert len(set(second)) == 9 * 64
    kept = {name: answer for name, answer in first[77].answers.items() if name != "blocks"}
    assert all(kept.items() <= architecture.answers.items() and architecture.answers["blocks"] == 2 for architecture in second)


def test_cells_may_start_with_more_blocks():
    order = Cell(blocks=4, fewest_blocks=3).growth_order()
    assert (order.levels, order.space) == (2, Cell(blocks=4, fewest_blocks=3))
    (smallest,) = list(order.extensions(1, None, 1, Random(0)))
    assert smallest.answers["blocks"] == 3


def test_chains_grow_stage_by_stage():
    space = make_space("chain", GROWING["chain"])
    order = space.growth_order()
    first = list(order.extensions(1, None, 10_000, Random(0)))
    assert order.levels == 3
    assert len(first) == 3 * space._stage_count(0)
    small = {"depth": 1, "connectivity": "plain", "kernel": 3, "expansion": 2, "pooling": "stride"}
    for architecture in first[::50]:
        assert all(architecture.answers[f"stage{i}/{what}"] == option for i in (1, 2) for what, option in small.items())
    second = list(order.extensions(2, first[-1], 10_000, Random(0)))
    assert len(second) == space._stage_count(1)
    changed = {name for grown in second for name in grown.answers if grown.answers[name] != first[-1].answers[name]}
    assert changed == {name for name in first[-1].answers if name.startswith("stage1/")} - {"stage1/operation"}


def ways(space, architecture):
    """Of a NAS-Bench-201 cell, by brute force: its live edges, and how many independent ways they are."""
    live = {name for name, op in architecture.answers.items() if op != "none"}
    paths = [("0->3",), ("0->1", "1->3"), ("0->2", "2->3"), ("0->1", "1->2", "2->3")]
    used = {edge for path in paths if live.issuperset(path) for edge in path}
    return used, len(used) - len({node for edge in used for node in edge.split("->")}) + 2


def test_benchmark_cells_grow_by_one_path_through_the_cell():
    space = NASBench201()
    order = space.growth_order()
    first = list(order.extensions(1, None, 10_000, Random(0)))
    assert order.levels == 4
    whole = [a for a in first if set(ways(space, a)[0]) == {name for name, op in a.answers.items() if op != "none"} != set()]
    assert len(set(whole)) == 4 + 2 * 4**2 + 4**3  # one path of one, two (twice) or three edges
    assert all(ways(space, architecture)[1] == 1 for architecture in whole)
    shapes = {tuple(sorted(ways(space, grown)[0])) for grown in order.extensions(2, whole[0], 10_000, Random(0))}
    assert {shape for shape in shapes if len(shape) > 1}
    assert all(ways(space, grown)[1] <= 2 for grown in order.extensions(2, whole[0], 10_000, Random(0)))


def test_every_live_cell_of_the_benchmark_is_reached():
    """With one operation and none: 2 ** 6 cells, of which those without a dead end are all there is to reach."""
    space = NASBench201()
    order = space.growth_order()
    names = [question.name for question in space.questions()]
    reached: set[Architecture] = set()
    parents: list[Architecture | None] = [None]
    for level in range(1, order.levels + 1):
        ways_to_grow = [fixed_answers for parent in parents for fixed_answers in order.fixed_answers(level, parent)]
        parents = [
            space.architecture({name: fixed_answers.get(name, "nor_conv_3x3") for name in names}) for fixed_answers in ways_to_grow
        ]
        reached.update(parents)
    every = [space.architecture(dict(zip(names, ops, strict=True))) for ops in product(("none", "nor_conv_3x3"), repeat=6)]
    assert reached == {a for a in every if ways(space, a)[0] == {name for name, op in a.answers.items() if op != "none"} != set()}
