"""Settings are the fields of a dataclass; they are parsed from `KEY=VALUE` strings, and unknown keys are errors."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from archwright.errors import InputError, UnknownSetting, did_you_mean

S = TypeVar("S")


def settings_of(obj: Any) -> dict[str, Any]:
    """The settable fields of a dataclass instance, with their values."""
    return {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj) if field.init}


def option(default: Any, help_text: str, **metadata: Any) -> Any:
    """A dataclass field that a user can set. `option`: its name for users, if it differs; `metavar`: its value in the help."""
    metadata = {"help": help_text, **metadata}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def listed(given: Any) -> tuple[Any, ...] | None:
    """A list, one item, or comma-separated text, as a tuple; None stays None. Texts are stripped, empty ones left out."""
    if given is None:
        return None
    items = given.split(",") if isinstance(given, str) else given if isinstance(given, Sequence) else (given,)
    stripped = (item.strip() if isinstance(item, str) else item for item in items)
    return tuple(item for item in stripped if item != "")


def assignments(texts: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` strings as a mapping. Raises InputError for a missing key or equals sign, or for a repeated key."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--set {text!r}: write it as KEY=VALUE, such as --set space.width=16")
        if key in pairs:
            raise InputError(f"--set {key} is given twice ({pairs[key]} and {value}): give it once")
        pairs[key] = value
    return pairs


def default_settings(cls: type) -> dict[str, Any]:
    """The settings of a dataclass with their defaults, None for one without; {} for another class."""
    if not dataclasses.is_dataclass(cls):
        return {}
    return {f.name: None if f.default is dataclasses.MISSING else f.default for f in dataclasses.fields(cls) if f.init}


def with_settings(cls: type[S], given: Mapping[str, Any], where: str) -> S:
    """An instance of the dataclass `cls` with these settings; strings are parsed according to the field's type.

    `where` names the owner in errors, as in "space 'cell'". Raises UnknownSetting for an unknown key or invalid value.
    """
    if not dataclasses.is_dataclass(cls):
        if given:
            raise UnknownSetting(f"{where} has no settings: leave out {', '.join(map(repr, given))}")
        return cls()
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls) if field.init]
    check_known(given, known, where)
    values = {key: read_value(value, hints[key], f"{where}, setting {key!r}") for key, value in given.items()}
    return typing.cast(S, cls(**values))


def check_settings(obj: Any, where: str, **ranges: tuple[float, float]) -> None:
    """Check the types of a dataclass instance's fields, and the named ones against (least, most); for its __post_init__.

    None is always in range. Raises UnknownSetting.
    """
    hints = typing.get_type_hints(type(obj))
    for key, value in settings_of(obj).items():
        if isinstance(value, str) and not isinstance(read_value(value, hints[key], f"{where}, setting {key!r}"), str):
            raise UnknownSetting(f"{where}, setting {key!r}: {value!r} is a string: leave out the quotation marks")
        read_value(value, hints[key], f"{where}, setting {key!r}")
    for key, (least, most) in ranges.items():
        value = getattr(obj, key)
        if value is not None and not least <= value <= most:
            raise UnknownSetting(f"{where}, setting {key!r}: {value} is out of range: choose from {least} to {most}")


def check_known(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise UnknownSetting for an unknown key, suggesting the closest known one."""
    for key in given:
        if key not in known:
            raise UnknownSetting(f"{where} has no setting {key!r}{did_you_mean(key, known)}: it has {', '.join(known) or 'none'}")


def read_value(value: Any, hint: Any, where: str) -> Any:
    """Convert `value` to the type `hint` (bool, int, float, str, a Literal, or one of these or None); strings are parsed.

    Raises UnknownSetting if that is impossible.
    """
    if typing.get_origin(hint) is typing.Literal:
        return _read_literal(value, typing.get_args(hint), where)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _read_union(value, typing.get_args(hint), where)
    if hint is type(None) and value in (None, "none", "None", "null"):
        return None
    if hint is bool and isinstance(value, str) and value.lower() in _BOOLS:
        return _BOOLS[value.lower()]
    if hint in (int, float) and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return _read_number(value, hint, where)
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise UnknownSetting(f"{where}: {value!r} is not {_NAMES.get(hint, hint)}")


def _read_literal(value: Any, allowed: tuple[Any, ...], where: str) -> Any:
    for option in allowed:
        if value == option or str(value) == str(option):
            return option
    raise UnknownSetting(f"{where}: {value!r} is not allowed: choose from {', '.join(map(str, allowed))}")


def _read_union(value: Any, hints: tuple[Any, ...], where: str) -> Any:
    for hint in sorted(hints, key=lambda hint: hint is str):
        try:
            return read_value(value, hint, where)
        except UnknownSetting:
            continue
    raise UnknownSetting(f"{where}: {value!r} is not {' or '.join(_NAMES.get(hint, str(hint)) for hint in hints)}")


def _read_number(value: int | float | str, kind: type, where: str) -> Any:
    try:
        number = kind(value)
        as_float = float(value)
    except (ValueError, OverflowError):
        raise UnknownSetting(f"{where}: {value!r} is not {_NAMES[kind]}") from None
    if number != as_float or number != number:
        raise UnknownSetting(f"{where}: {value!r} is not {_NAMES[kind]}")
    return number


_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    type(None): "none",
}
