"""What --strategy accepts: both kinds of strategies, in one list of names."""

import sys
from types import ModuleType

import pytest

from archwright.errors import UnknownName, UnknownSetting
from archwright.one_shot import one_shot_names
from archwright.one_shot.method import PathMethod
from archwright.search_strategy import strategy_names
from archwright.study.strategies_by_name import all_strategy_names, describe_any, is_one_shot, make_any, summary_of


class Guess:
    """A custom strategy."""

    def propose(self, space, history, rng):
        """Nothing."""


class Share(PathMethod):
    """A custom one-shot method."""

    def step(self, search, x, y):
        """Nothing."""

    def find(self, space, score, evaluations, rng):
        """Nothing."""


@pytest.fixture
def own(monkeypatch):
    module = ModuleType("own_strategies_of_the_tests")
    module.Guess, module.Share, module.Neither = Guess, Share, dict
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def test_both_kinds_share_one_list_without_repeated_names():
    names = all_strategy_names()
    assert len(set(names)) == len(names)
    assert {*strategy_names(), *one_shot_names()} == set(names)
    assert [name for name in names if is_one_shot(name)] == one_shot_names()


@pytest.mark.parametrize("name", all_strategy_names())
def test_each_strategy_has_a_summary_and_can_be_created_as_described(name):
    assert summary_of(name)
    described = describe_any(name)
    assert described.name == name
    if not name.startswith("optuna:"):
        assert make_any(name, {}) == make_any(name, described.settings)


def test_custom_strategies_are_distinguished_by_their_classes(own):
    assert not is_one_shot(f"{own}:Guess")
    assert is_one_shot(f"{own}:Share")
    with pytest.raises(UnknownName, match="not a class with a method `propose`"):
        make_any(f"{own}:Neither", {})


@pytest.mark.parametrize(("name", "meant"), [("dart", "darts"), ("evolution", "regularized_evolution"), ("tpe", "optuna:tpe")])
def test_an_unknown_name_is_an_error_that_lists_both_kinds(name, meant):
    with pytest.raises(UnknownName) as raised:
        make_any(name, {})
    for known in (name, "random", "darts", "optuna:tpe"):
        assert known in str(raised.value)
    if name != "evolution":
        assert f"did you mean {meant!r}?" in str(raised.value)


def test_an_unknown_setting_is_an_error_that_names_the_strategy():
    with pytest.raises(UnknownSetting, match=r"strategy 'darts' has no setting 'alpha_rate'"):
        make_any("darts", {"alpha_rate": "1"})
