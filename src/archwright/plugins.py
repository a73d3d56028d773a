"""Parts by name: built-in ones, those of installed packages (entry points), and any `module:Class`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from archwright.errors import UnknownName, did_you_mean


def known_names(built_in: Mapping[str, str], group: str) -> list[str]:
    """The names of the built-in parts, then of those that installed packages register in `group`."""
    return [*built_in, *(entry.name for entry in entry_points(group=group) if entry.name not in built_in)]


def first_line(part: Any) -> str:
    """The first line of a part's docstring: what it is, for lists."""
    return (inspect.getdoc(part) or "").split("\n")[0]


def find(name: str, built_in: Mapping[str, str], group: str, kind: str) -> Any:
    """The object called `name`. Raises UnknownName, which lists the known names, if there is none."""
    if name in built_in:
        return _load(built_in[name], kind)
    if ":" in name:
        return _load(name, kind)
    for entry in entry_points(group=group):
        if entry.name == name:
            return entry.load()
    names = known_names(built_in, group)
    raise UnknownName(
        f"there is no {kind} {name!r}{did_you_mean(name, names)}: choose from {', '.join(names)}, or give module:Class"
    )


def _load(path: str, kind: str) -> Any:
    module_name, _, attribute = path.partition(":")
    module = _import(module_name, f"{kind} {path!r}")
    if not hasattr(module, attribute):
        raise UnknownName(f"{kind} {path!r}: module {module_name!r} has no {attribute!r}")
    return getattr(module, attribute)


def _import(module_name: str, where: str) -> ModuleType:
    """Import an installed module, or a file of that name in the current folder."""
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        file = Path.cwd() / f"{module_name}.py"
        if error.name != module_name or not file.is_file():
            raise UnknownName(f"{where}: module {module_name!r} cannot be imported ({error})") from error
    specification = importlib.util.spec_from_file_location(module_name, file)
    if specification is None or specification.loader is None:
        raise UnknownName(f"{where}: {file} is not a Python module")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module
    specification.loader.exec_module(module)
    return module
