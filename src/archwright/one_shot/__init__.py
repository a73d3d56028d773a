"""One-shot methods, which search with the shared weights of a supernet: one file per method, found by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from archwright.data.problem import Task
from archwright.errors import UnknownName
from archwright.one_shot.method import KINDS, OneShotMethod, is_one_shot_class
from archwright.one_shot.options import FORMER_NAMES, TEXT
from archwright.papers import papers_of
from archwright.plugins import find, known_names
from archwright.search_strategy import StrategyDescription
from archwright.settings import with_settings

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
    usual = {key: value for key, value in TEXT.items() if key in _defaults(cls)} if task == "language_modelling" else {}
    given = {FORMER_NAMES.get(key, key): value for key, value in (settings or {}).items()}
    method: OneShotMethod = with_settings(cls, {**usual, **given}, f"strategy {name!r}")
    return method


def one_shot_summary(name: str) -> str:
    """One line on what the method does. Raises UnknownName."""
    return (inspect.getdoc(_method_class(name)) or "").split("\n")[0]


def describe_one_shot(name: str) -> StrategyDescription:
    """What `archwright describe strategy NAME` shows. Raises UnknownName."""
    cls = _method_class(name)
    return StrategyDescription(name, one_shot_summary(name), papers_of(cls, name), _defaults(cls))


def _method_class(name: str) -> Any:
    cls = find(name, BUILT_IN, GROUP, "one-shot method")
    if not is_one_shot_class(cls):
        raise UnknownName(
            f"one-shot method {name!r} is not a class with a method {' or '.join(KINDS)}: give module:Class of one that has it"
        )
    return cls


def _defaults(cls: type) -> dict[str, Any]:
    """The settings of a method class with their defaults; None for a setting without one."""
    if not is_dataclass(cls):
        return {}
    return {f.name: None if f.default is MISSING else f.default for f in fields(cls) if f.init}


__all__ = ["OneShotMethod", "describe_one_shot", "make_one_shot", "one_shot_names", "one_shot_summary"]
