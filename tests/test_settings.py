from dataclasses import dataclass, field
from typing import Literal

import pytest

from archwright.errors import UnknownSetting
from archwright.settings import check_settings, read_value, settings_of, with_settings


@dataclass(frozen=True)
class Settings:
    size: int = 3
    rate: float = 0.1
    name: str = "x"
    flag: bool = False
    kind: Literal["a", "b", 3] = "a"
    most: int | None = None
    fixed: int = field(default=7, init=False)


WHERE = "strategy 'toy'"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("size", "12", 12),
        ("size", 12.0, 12),
        ("rate", "1e-3", 0.001),
        ("rate", 2, 2.0),
        ("name", "7", "7"),
        ("flag", "Yes", True),
        ("flag", "0", False),
        ("flag", True, True),
        ("kind", "b", "b"),
        ("kind", "3", 3),
        ("most", "none", None),
        ("most", None, None),
        ("most", "5", 5),
    ],
)
def test_strings_are_parsed_according_to_the_fields_type(key, text, value):
    read = getattr(with_settings(Settings, {key: text}, WHERE), key)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("size", "4.5", "'4.5' is not a whole number"),
        ("size", 4.5, "4.5 is not a whole number"),
        ("size", "many", "'many' is not a whole number"),
        ("size", True, "True is not a whole number"),
        ("size", float("inf"), "inf is not a whole number"),
        ("size", None, "None is not a whole number"),
        ("rate", "nan", "'nan' is not a number"),
        ("rate", False, "False is not a number"),
        ("name", 7, "7 is not a string"),
        ("flag", "maybe", "'maybe' is not true or false"),
        ("flag", 1, "1 is not true or false"),
        ("kind", "c", "'c' is not allowed: choose from a, b, 3"),
        ("most", "few", "'few' is not a whole number or none"),
    ],
)
def test_a_value_that_cannot_be_parsed_is_named_with_its_key(key, text, message):
    with pytest.raises(UnknownSetting, match=f"strategy 'toy', setting '{key}': {message}"):
        with_settings(Settings, {key: text}, WHERE)


def test_an_unknown_key_lists_the_known_ones_and_suggests_the_closest():
    with pytest.raises(
        UnknownSetting, match=r"no setting 'sise' \(did you mean 'size'\?\): it has size, rate, name, flag, kind, most$"
    ):
        with_settings(Settings, {"sise": 1}, WHERE)


def test_a_field_that_cannot_be_set_is_no_setting():
    assert "fixed" not in settings_of(Settings())
    with pytest.raises(UnknownSetting):
        with_settings(Settings, {"fixed": 1}, WHERE)


def test_settings_survive_a_round_trip():
    settings = Settings(4, 0.5, "y", True, 3, 9)
    assert with_settings(Settings, settings_of(settings), WHERE) == settings
    assert with_settings(Settings, {k: str(v) for k, v in settings_of(settings).items()}, WHERE) == settings


def test_a_class_without_settings_takes_none():
    class Plain:
        pass

    assert isinstance(with_settings(Plain, {}, WHERE), Plain)
    with pytest.raises(UnknownSetting, match="has no settings: leave out 'size'"):
        with_settings(Plain, {"size": 1}, WHERE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "'size': 0 is out of range: choose from 1 to 9"),
        ({"size": 10}, "'size': 10 is out of range"),
        ({"size": "4"}, "'size': '4' is a string"),
        ({"most": 0}, "'most': 0 is out of range"),
        ({"kind": "c"}, "'kind': 'c' is not allowed"),
    ],
)
def test_fields_are_checked_by_type_and_range(wrong, message):
    with pytest.raises(UnknownSetting, match=message):
        check_settings(Settings(**wrong), WHERE, size=(1, 9), most=(1, 5))


def test_fields_in_range_pass():
    for settings in (Settings(size=1), Settings(size=9, most=5), Settings(most=None)):
        check_settings(settings, WHERE, size=(1, 9), most=(1, 5))


def test_read_value_without_a_field():
    assert read_value("3", int | None, "here") == 3
