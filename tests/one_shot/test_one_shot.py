"""The registry: names, settings, descriptions."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from archwright.errors import UnknownName, UnknownSetting
from archwright.one_shot import describe_one_shot, make_one_shot, one_shot_names, one_shot_summary
from archwright.one_shot.method import PathMethod
from archwright.settings import settings_of


def test_the_methods_of_the_library_come_first():
    assert one_shot_names()[:8] == [
        "darts",
        "darts_second_order",
        "pc_darts",
        "gdas",
        "snas",
        "single_path_uniform",
        "random_weight_sharing",
        "enas",
    ]


@pytest.mark.parametrize("name", one_shot_names())
def test_every_method_can_be_described_and_made(name):
    description = describe_one_shot(name)
    assert description.summary == one_shot_summary(name)
    assert description.summary.endswith(".")
    assert "arXiv:" in description.summary
    assert "arXiv:" in description.paper
    assert json.loads(json.dumps(description.to_json(), allow_nan=False)) == description.to_json()
    method = make_one_shot(name)
    assert settings_of(method) == description.settings
    assert (method.epochs, method.derived_candidates) == (None, 1 if name == "enas" else 3)


def test_the_papers_figures_are_the_defaults():
    darts, pc_darts, gdas = (make_one_shot(name) for name in ("darts", "pc_darts", "gdas"))
    assert (darts.learning_rate, darts.least_learning_rate, darts.momentum, darts.weight_decay) == (0.025, 0.001, 0.9, 3e-4)
    assert (darts.alpha_weight_decay, darts.gradient_clip, darts.weight_share, darts.warmup) == (1e-3, 5.0, 0.5, 0.0)
    assert (pc_darts.partial_channels, pc_darts.warmup) == (4, 15 / 50)
    assert (gdas.first_temperature, gdas.last_temperature) == (10.0, 0.1)


def test_strings_become_settings():
    method = make_one_shot("darts", {"epochs": "10", "discretization": "perturbation", "auxiliary_skip": "true", "l1": "0.1"})
    assert (method.epochs, method.discretization, method.auxiliary_skip, method.l1) == (10, "perturbation", True, 0.1)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("darts", {"relaxation": "gumbel"}, "choose from softmax, sparsemax"),
        ("darts", {"temperature": 1}, "strategy 'darts' has no setting 'temperature'"),
        ("gdas", {"first_temperatur": 1}, "did you mean 'first_temperature'"),
        ("gdas", {"last_temperature": 0}, "out of range"),
        ("snas", {"warmup": 1.5}, "out of range"),
        ("pc_darts", {"partial_channels": 0}, "out of range"),
        ("single_path_uniform", {"evaluations": "many"}, "'many' is not a whole number"),
        ("random_weight_sharing", {"entropy": 1.0}, "no setting 'entropy'"),
        ("darts_second_order", {"weight_share": 1.0}, "out of range"),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_remedy(name, settings, told):
    with pytest.raises(UnknownSetting, match=told):
        make_one_shot(name, settings)


def test_an_unknown_name_is_an_error_with_the_closest_name():
    with pytest.raises(UnknownName, match=r"there is no one-shot method 'dart' .did you mean 'darts'.*choose from darts, "):
        make_one_shot("dart")


@dataclass(frozen=True)
class Own(PathMethod):
    """Own 2026: finds nothing."""

    def step(self, search, x, y):
        raise NotImplementedError

    def find(self, space, score, evaluations, rng):
        return []


def test_a_users_own_class_is_a_method_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "own_methods", sys.modules[__name__])
    assert make_one_shot("own_methods:Own", {"derived_candidates": 2}) == Own(derived_candidates=2)
    assert make_one_shot("own_methods:Own", {"hands_over": 2}) == Own(derived_candidates=2)  # its former name
    with pytest.raises(UnknownName, match="not a subclass of OneShotMethod"):
        make_one_shot("own_methods:json")


def test_making_needs_no_torch():
    code = (
        "import sys; import archwright.one_shot as o;"
        "[(o.make_one_shot(n), o.describe_one_shot(n)) for n in o.one_shot_names()];"
        "print([m for m in ('torch', 'optuna', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
