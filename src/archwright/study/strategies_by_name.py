"""Everything that `--strategy` accepts: strategies that train one network at a time, and one-shot methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.one_shot import OneShotMethod, describe_one_shot, make_one_shot, one_shot_names, one_shot_summary
from archwright.plugins import find
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


def is_one_shot(name: str) -> bool:
    """Whether this strategy is a one-shot method; a custom `module:Class` is one if it has no `propose`.

    Raises UnknownName, listing both kinds.
    """
    if name.startswith(PREFIX) or name in strategy_names():
        return False
    if ":" in name:
        cls = find(name, {}, "", "strategy")
        return isinstance(cls, type) and issubclass(cls, OneShotMethod)
    if name not in one_shot_names():
        raise unknown_strategy(name, all_strategy_names())
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
