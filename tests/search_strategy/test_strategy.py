from __future__ import annotations

from archwright.search_strategy import MultiFidelityStrategy, limitations, make_strategy, sized_for_budget
from archwright.search_strategy.random_search import RandomSearch


def test_a_strategy_without_sizes_stays_as_it_is():
    assert sized_for_budget(RandomSearch(), 10) == RandomSearch()


def test_a_strategy_with_sizes_is_asked():
    assert sized_for_budget(make_strategy("regularized_evolution"), 80).population_size == 20


def test_a_strategy_without_limitations_has_none(toy):
    assert limitations(RandomSearch(), toy.spaces["conditional"]) is None


def test_a_strategy_with_limitations_is_asked(toy):
    assert "at random" in limitations(make_strategy("optuna:gp"), toy.spaces["conditional"])


def test_multi_fidelity_strategies_are_recognised():
    names = ("random", "regularized_evolution", "local_search", "optuna:tpe", "asha", "hyperband")
    assert [name for name in names if isinstance(make_strategy(name), MultiFidelityStrategy)] == ["asha", "hyperband"]
