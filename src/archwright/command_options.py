"""The options of a command, made from the fields of a request, so that what can be asked for is written once."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from archwright.settings import assignments

PLAIN = (int, float, str, Path)
"""Types that an option's text is read as; the first that a field allows is taken."""
Command = Callable[..., None]


def options_of(request: type, only: Collection[str] = (), **help_texts: str) -> Callable[[Command], Command]:
    """Give a command one option per field of a dataclass whose metadata hold a help text; it receives them as keyword arguments.

    `only`: the fields that the command takes (default: all). `help_texts`: help that differs from the field's own, by field. A
    field without a default becomes an argument, a tuple comma-separated text, a mapping a repeated KEY=VALUE, a flag that is on by
    default `--no-NAME`.
    """
    hints = typing.get_type_hints(request)
    made = {f.name: _Option(f, hints[f.name], help_texts.get(f.name)) for f in fields(request) if f.name in (only or hints)}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            read = {option.name: option.read(given.pop(option.parameter)) for option in made.values()}
            command(**read, **given)

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        generated = [option.as_parameter() for option in made.values()]
        named = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*generated, *own)]
        parameters = sorted(named, key=lambda parameter: parameter.default is not parameter.empty)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


class _Option:
    """A field as an option: its name, its type on the command line, and how its text is read."""

    def __init__(self, field: Field[Any], hint: Any, help_text: str | None) -> None:
        self.name, self.hint = field.name, hint
        self.default = {} if field.default_factory is not MISSING else field.default
        self.help, self.metavar = help_text or field.metadata["help"], field.metadata.get("metavar")
        self.is_switch = field.default is True
        self.parameter = f"no_{field.name}" if self.is_switch else field.name
        self.flag = f"--{field.metadata.get('option', self.parameter).replace('_', '-')}"

    def as_parameter(self) -> inspect.Parameter:
        """The parameter that typer reads."""
        if self.default is MISSING:
            made = typer.Argument(help=self.help, metavar=self.metavar)
        else:
            made = typer.Option(self.flag, help=self.help, metavar=self.metavar)
        default = inspect.Parameter.empty if self.default is MISSING else self._shown_default()
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.parameter, kind, default=default, annotation=Annotated[self._type(), made])

    def read(self, value: Any) -> Any:
        """The field's value from the option's."""
        if self.is_switch:
            return not value
        if isinstance(self.default, Mapping):
            return assignments(value)
        return value  # comma-separated text is split by the request itself

    def _type(self) -> Any:
        if self.is_switch:
            return bool
        if isinstance(self.default, Mapping):
            return list[str]
        plain = next((one for one in PLAIN if self._holds(one)), str)
        return plain | None if self.default is None else plain

    def _shown_default(self) -> Any:
        if isinstance(self.default, Mapping):
            return []
        return ",".join(self.default) if isinstance(self.default, tuple) else not self.default if self.is_switch else self.default

    def _holds(self, cls: type) -> bool:
        """Whether the field may hold a value of this class."""
        return any((typing.get_origin(part) or part) is cls for part in (self.hint, *typing.get_args(self.hint)))
