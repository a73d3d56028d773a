"""What is refused before anything starts."""

from __future__ import annotations

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.one_shot import make_one_shot, one_shot_names
from archwright.one_shot.supernet.requirements import check_supernet
from archwright.search_space import make_space

IMAGES = Problem("images", "classification", (1, 8, 8), 4)
CHAIN = {"pooling": "stride", "connectivity": "residual", "activation": "relu", "width": 4}


@pytest.mark.parametrize("name", one_shot_names())
def test_every_method_takes_cells(name):
    check_supernet(make_one_shot(name), make_space("cell", {"filters": 4}), IMAGES)


@pytest.mark.parametrize("name", sorted(set(one_shot_names()) - {"pc_darts"}))
@pytest.mark.parametrize(
    ("space", "settings"),
    [("enas_macro", {"layers": 4, "filters": 4}), ("enas_micro", {"nodes": 4, "filters": 4, "inputs": "distinct"})],
)
def test_every_method_but_that_of_partial_channels_takes_layers_and_cells_of_enas(name, space, settings):
    check_supernet(make_one_shot(name), make_space(space, settings), IMAGES)


def test_gradients_need_distinct_inputs():
    space = make_space("cell", {"inputs": "any", "filters": 4})
    with pytest.raises(InputError, match=r"set space\.inputs=distinct, not 'any'"):
        check_supernet(make_one_shot("darts"), space, IMAGES)


@pytest.mark.parametrize(
    ("space", "settings", "method", "options"),
    [
        ("chain", {}, "darts", {}),
        ("chain", CHAIN, "pc_darts", {}),
        ("chain", CHAIN, "darts", {"auxiliary_skip": True}),
        ("chain", CHAIN, "darts", {"l1": 0.1}),
        ("enas_macro", {}, "pc_darts", {}),
        ("enas_macro", {}, "darts", {"auxiliary_skip": True}),
        ("enas_micro", {}, "darts", {}),
    ],
)
def test_unsuitable_spaces_and_settings_are_refused(space, settings, method, options):
    with pytest.raises(InputError):
        check_supernet(make_one_shot(method, options), make_space(space, settings), IMAGES)


def test_nothing_is_drawn():
    before = torch.get_rng_state()
    check_supernet(make_one_shot("darts"), make_space("nasbench201", {"filters": 4, "repeats": 1}), IMAGES)
    assert torch.equal(torch.get_rng_state(), before)
