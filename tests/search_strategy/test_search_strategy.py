"""The registry: names, settings, descriptions."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from archwright.errors import UnknownName, UnknownSetting
from archwright.evaluate.history import Proposal
from archwright.search_strategy import describe_strategy, make_strategy, strategy_names, strategy_summary


def test_names_hold_ours_and_optunas():
    assert {"random", "regularized_evolution", "local_search", "optuna:tpe", "optuna:nsgaii"} <= set(strategy_names())


@pytest.mark.parametrize("name", strategy_names())
def test_every_strategy_can_be_described_and_made(name):
    description = describe_strategy(name)
    assert description.name == name
    assert description.summary == strategy_summary(name)
    assert description.summary.endswith(".")
    assert json.loads(json.dumps(description.to_json(), allow_nan=False)) == description.to_json()
    make_strategy(name)


def test_a_description_shows_paper_and_defaults():
    description = describe_strategy("regularized_evolution")
    assert "Real et al. 2019" in description.summary
    assert "arXiv:1802.01548" in description.paper
    assert description.settings == {"population_size": None, "sample_size": None}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("optuna:tpee", "optuna:tpe"),
        ("regularised_evolution", "regularized_evolution"),
        ("tpe", "optuna:tpe"),
        ("optuna:nsga", "optuna:nsgaii"),
    ],
)
@pytest.mark.parametrize("asked", [make_strategy, describe_strategy, strategy_summary])
def test_an_unknown_name_is_an_error_with_the_closest_name(asked, name, meant):
    with pytest.raises(UnknownName, match=f"there is no strategy '{name}'.*{meant}.*choose from random, "):
        asked(name)


def test_strings_become_settings():
    strategy = make_strategy("regularized_evolution", {"population_size": "20", "sample_size": "none"})
    assert (strategy.population_size, strategy.sample_size) == (20, None)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("regularized_evolution", {"population": 20}, "no setting 'population' \\(did you mean 'population_size'"),
        ("regularized_evolution", {"sample_size": "few"}, "'few' is not"),
        ("regularized_evolution", {"population_size": 0}, "too small: give at least 1"),
        ("local_search", {"starts": -1}, "too small: give at least 1"),
        ("random", {"seed": 1}, "strategy 'random' has no setting 'seed'"),
        ("optuna:tpe", {"n_startup": 1}, "did you mean 'n_startup_trials'"),
        ("optuna:tpe", {"seed": 1}, "no setting 'seed'"),
        ("optuna:tpe", {"n_startup_trials": "ten"}, "'ten' is not a whole number"),
        ("optuna:qmc", {"qmc_type": "faure"}, "Optuna rejects"),
        ("optuna:nsgaii", {"population_size": 1}, "Optuna rejects"),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_remedy(name, settings, told):
    with pytest.raises(UnknownSetting, match=told):
        make_strategy(name, settings)


@dataclass(frozen=True)
class Own:
    """Always the same."""

    answer: str = "a"

    def propose(self, space, history, rng):
        return Proposal(space.architecture({"first": self.answer, "second": self.answer}))


def test_a_users_own_class_is_a_strategy_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "own_strategies", sys.modules[__name__])
    assert make_strategy("own_strategies:Own", {"answer": "b"}) == Own("b")
    assert describe_strategy("own_strategies:Own").settings == {"answer": "a"}


def test_listing_and_our_own_strategies_need_neither_torch_nor_optuna():
    code = (
        "import sys; import archwright.search_strategy as s;"
        "[s.strategy_summary(n) for n in s.strategy_names()]; [s.make_strategy(n) for n in s.BUILT_IN];"
        "import archwright.evaluate.objective;"
        "print([m for m in ('torch', 'optuna', 'scipy', 'sklearn', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
