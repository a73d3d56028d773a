"""One-shot methods, which search with the shared weights of a supernet: one file per method, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.data.problem import Task
from archwright.errors import UnknownName
from archwright.one_shot.method import FORMER_NAMES, TEXT, OneShotMethod
from archwright.papers import papers_of
from archwright.plugins import find, first_line, known_names
from archwright.search_strategy import StrategyDescription
from archwright.settings import default_settings, with_settings

BUILT_IN = {
    "darts": "archwright.one_shot.darts:DARTS",
    "darts_second_order": "archwright.one_shot.darts_second_order:DARTSSecondOrder",
    "pc_darts": "archwright.one_shot.pc_darts:PCDARTS",
    "gdas": "archwright.one_shot.gdas:GDAS",
    "snas": "archwright.one_shot.snas:SNAS",
    "single_path_uniform": "archwright.one_shot.single_path_uniform:SinglePathUniform",
    "random_weight_sharing": "archwright.one_shot.random_weight_sharing:RandomWeightSharing",
    "enas": "archwright.one_shot.enas:ENAS",
}
GROUP = "archwright.one_shot"


def one_shot_names() -> list[str]:
    """The one-shot methods of the library and of installed packages (entry points `archwright.one_shot`)."""
    return known_names(BUILT_IN, GROUP)


def make_one_shot(name: str, settings: Mapping[str, Any] | None = None, task: Task = "classification") -> OneShotMethod:
    """The one-shot method `name` (or `module:Class`) with these settings; the defaults of the others depend on the task.

    Raises UnknownName or UnknownSetting.
    """
    cls = _method_class(name)
    usual = TEXT if task == "language_modelling" else {}
    given = {FORMER_NAMES.get(key, key): value for key, value in (settings or {}).items()}
    return with_settings(cls, {**usual, **given}, f"strategy {name!r}")


def one_shot_summary(name: str) -> str:
    """One line on what the method does. Raises UnknownName."""
    return first_line(_method_class(name))


def describe_one_shot(name: str) -> StrategyDescription:
    """What `archwright describe strategy NAME` shows. Raises UnknownName."""
    cls = _method_class(name)
    return StrategyDescription(name, one_shot_summary(name), papers_of(cls, name), default_settings(cls))


def _method_class(name: str) -> type[OneShotMethod]:
    cls = find(name, BUILT_IN, GROUP, "one-shot method")
    if not (isinstance(cls, type) and issubclass(cls, OneShotMethod)):
        raise UnknownName(
            f"one-shot method {name!r} is not a subclass of {OneShotMethod.__name__}: give module:Class of one that is"
        )
    return cls


__all__ = ["OneShotMethod", "describe_one_shot", "make_one_shot", "one_shot_names", "one_shot_summary"]
