"""Search spaces, which define the networks that can be built: one file per space, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.data.problem import Problem
from archwright.errors import UnknownName
from archwright.plugins import find, known_names
from archwright.search_space.search_space import Published, SearchSpace
from archwright.settings import with_settings

BUILT_IN = {
    "cell": "archwright.search_space.cell:Cell",
    "chain": "archwright.search_space.chain:Chain",
    "enas_macro": "archwright.search_space.enas_macro:EnasMacro",
    "enas_micro": "archwright.search_space.enas_micro:EnasMicro",
    "nasbench201": "archwright.search_space.nasbench201:NASBench201",
    "recurrent": "archwright.search_space.recurrent:Recurrent",
}
GROUP = "archwright.spaces"


def usual_space(problem: Problem) -> str:
    """The space that is searched by default."""
    return "chain" if problem.level is None else "recurrent"


def space_names() -> list[str]:
    """The spaces of the library and of installed packages (entry points `archwright.spaces`)."""
    return known_names(BUILT_IN, GROUP)


def make_space(name: str, settings: Mapping[str, Any] | None = None) -> SearchSpace:
    """The space `name` (or `module:Class`) with these settings. Raises UnknownName or UnknownSetting."""
    return with_settings(space_class(name), settings or {}, f"space {name!r}")


def space_class(name: str) -> type[SearchSpace]:
    """The class of the space `name` (or `module:Class`). Raises UnknownName."""
    cls: type[SearchSpace] = find(name, BUILT_IN, GROUP, "space")
    if not (isinstance(cls, type) and issubclass(cls, SearchSpace)):
        raise UnknownName(f"space {name!r} is not a subclass of archwright.SearchSpace: give module:Class of one that is")
    return cls


__all__ = ["Published", "SearchSpace", "make_space", "space_class", "space_names", "usual_space"]
