"""Everything that `--strategy` accepts: strategies that train one network at a time, and one-shot methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.errors import InputError
from archwright.one_shot import BUILT_IN as ONE_SHOT
from archwright.one_shot import OneShotMethod, describe_one_shot, make_one_shot, one_shot_names, one_shot_summary
from archwright.plugins import find
from archwright.search_strategy import BUILT_IN as STRATEGIES
from archwright.search_strategy import (
    Strategy,
    StrategyDescription,
    describe_strategy,
    make_strategy,
    strategy_names,
    strategy_summary,
    unknown_strategy,
)
from archwright.search_strategy.optuna_adapter.sampler_names import PREFIX


def all_strategy_names() -> list[str]:
    """The names of strategies of both kinds."""
    return [*strategy_names(), *one_shot_names()]


def name_of(strategy: str | Strategy | OneShotMethod) -> str:
    """A strategy's name: as given, or for an object the library's own name of its class, or `module:Class`.

    Raises InputError for an object that is no strategy.
    """
    if isinstance(strategy, str):
        return strategy
    cls = type(strategy)
    if not (hasattr(cls, "propose") or issubclass(cls, OneShotMethod)):
        raise InputError(f"strategy is {strategy!r}: give a name, module:Class, or an object with a method `propose`")
    path = f"{cls.__module__}:{cls.__qualname__}"
    return next((name for name, place in {**STRATEGIES, **ONE_SHOT}.items() if place == path), path)


def is_one_shot(strategy: str | Strategy | OneShotMethod) -> bool:
    """Whether this strategy, by name or as an object, is a one-shot method; a class of one's own is one if it has no `propose`.

    Raises UnknownName, listing both kinds.
    """
    if not isinstance(strategy, str):
        return isinstance(strategy, OneShotMethod)
    if strategy.startswith(PREFIX) or strategy in strategy_names():
        return False
    if ":" in strategy:
        cls = find(strategy, {}, "", "strategy")
        return isinstance(cls, type) and issubclass(cls, OneShotMethod)
    if strategy not in one_shot_names():
        raise unknown_strategy(strategy, all_strategy_names())
    return True


def make_any(name: str, settings: Mapping[str, Any]) -> Strategy | OneShotMethod:
    """The strategy of this name with these settings, of either kind. Raises UnknownName or UnknownSetting."""
    return make_one_shot(name, settings) if is_one_shot(name) else make_strategy(name, settings)


def summary_of(name: str) -> str:
    """One line on what the strategy does. Raises UnknownName."""
    return one_shot_summary(name) if is_one_shot(name) else strategy_summary(name)


def describe_any(name: str) -> StrategyDescription:
    """What `archwright describe strategy NAME` shows. Raises UnknownName."""
    return describe_one_shot(name) if is_one_shot(name) else describe_strategy(name)
