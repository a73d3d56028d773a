"""Search strategies, which propose one architecture at a time: one file per strategy, found by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archwright.errors import UnknownName, did_you_mean
from archwright.papers import Papers, papers_of
from archwright.plugins import find, first_line, known_names
from archwright.search_strategy.optuna_adapter.sampler_names import PREFIX, SAMPLERS
from archwright.search_strategy.strategy import MultiFidelityStrategy, Strategy, limitations, searched_space, sized_for_budget
from archwright.settings import default_settings, with_settings

BUILT_IN = {
    "random": "archwright.search_strategy.random_search:RandomSearch",
    "regularized_evolution": "archwright.search_strategy.regularized_evolution:RegularizedEvolution",
    "local_search": "archwright.search_strategy.local_search:LocalSearch",
    "predictor_guided": "archwright.search_strategy.predictor_guided:PredictorGuided",
    "genetic": "archwright.search_strategy.genetic:Genetic",
    "grid": "archwright.search_strategy.grid:Grid",
    "progressive": "archwright.search_strategy.progressive:Progressive",
    "reinforce": "archwright.search_strategy.reinforce:Reinforce",
    "asha": "archwright.search_strategy.asha:ASHA",
    "hyperband": "archwright.search_strategy.hyperband:Hyperband",
}
GROUP = "archwright.strategies"


@dataclass(frozen=True)
class StrategyDescription:
    """What a user is shown of a strategy: its first docstring line, its papers, and its settings with their defaults."""

    name: str
    summary: str
    papers: Papers
    settings: Mapping[str, Any]

    @property
    def paper(self) -> str | None:
        """The papers in one line; None if there are none."""
        return "; ".join(paper.text for paper in self.papers) or None

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "summary": self.summary, "paper": self.paper, "settings": dict(self.settings)}


def strategy_names() -> list[str]:
    """The library's strategies, those of installed packages (entry points `archwright.strategies`), and Optuna's samplers."""
    return [*known_names(BUILT_IN, GROUP), *(PREFIX + sampler for sampler in SAMPLERS)]


def make_strategy(name: str, settings: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy `name` (or `module:Class`, or `optuna:SAMPLER`) with these settings. Raises UnknownName or UnknownSetting."""
    if name.startswith(PREFIX):
        from archwright.search_strategy.optuna_samplers import OptunaStrategy

        return OptunaStrategy(_sampler(name), settings or {})
    strategy: Strategy = with_settings(_strategy_class(name), settings or {}, f"strategy {name!r}")
    return strategy


def strategy_summary(name: str) -> str:
    """One line on what the strategy does, without importing Optuna. Raises UnknownName."""
    if name.startswith(PREFIX):
        return SAMPLERS[_sampler(name)].summary
    return first_line(_strategy_class(name))


def describe_strategy(name: str) -> StrategyDescription:
    """What `archwright describe strategy NAME` shows. Raises UnknownName."""
    if name.startswith(PREFIX):
        from archwright.search_strategy.optuna_samplers import sampler_settings

        sampler = _sampler(name)
        return StrategyDescription(name, strategy_summary(name), papers_of(SAMPLERS[sampler], name), sampler_settings(sampler))
    cls = _strategy_class(name)
    return StrategyDescription(name, strategy_summary(name), papers_of(cls, name), default_settings(cls))


def _strategy_class(name: str) -> Any:
    if name not in BUILT_IN and ":" not in name and name not in known_names(BUILT_IN, GROUP):
        raise unknown_strategy(name, strategy_names())
    cls = find(name, BUILT_IN, GROUP, "strategy")
    if not (isinstance(cls, type) and hasattr(cls, "propose")):
        raise UnknownName(f"strategy {name!r} is not a class with a method `propose`: give module:Class of one that has it")
    return cls


def _sampler(name: str) -> str:
    sampler = name.removeprefix(PREFIX)
    if sampler not in SAMPLERS:
        raise unknown_strategy(name, strategy_names())
    return sampler


def unknown_strategy(name: str, names: Sequence[str]) -> UnknownName:
    """The error for a name that is not among these, with the closest match as a suggestion."""
    hint = did_you_mean(PREFIX + name if name in SAMPLERS else name, names)
    return UnknownName(f"there is no strategy {name!r}{hint}: choose from {', '.join(names)}, or give module:Class")


__all__ = [
    "MultiFidelityStrategy",
    "Strategy",
    "StrategyDescription",
    "describe_strategy",
    "limitations",
    "make_strategy",
    "searched_space",
    "sized_for_budget",
    "strategy_names",
    "strategy_summary",
    "unknown_strategy",
]
