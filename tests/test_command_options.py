"""The options of a command are the fields of its request: same names, defaults, help texts, and types."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from archwright.benchmark.request import BenchmarkRequest
from archwright.cli import app as archwright_app
from archwright.command_options import options_of
from archwright.settings import option
from archwright.study.request import Request


@dataclass(frozen=True)
class Order:
    """A request with every kind of field."""

    what: str = option(MISSING, "What.")
    count: int | None = option(None, "How many.")
    share: float = option(0.5, "Which part.")
    names: tuple[str, ...] = option(("a", "b"), "Who.", option="who")
    out: Path | None = option(None, "Where.")
    settings: Mapping[str, Any] = option({}, "How.", option="set", metavar="KEY=VALUE")
    quick: bool = option(True, "Take your time.")


def call(words, **decorated):
    """What a command with these options receives, or the help text."""
    app, received = typer.Typer(), []

    @app.command()
    @options_of(Order, **decorated)
    def command(extra: Annotated[str, typer.Option(help="Its own.")] = "", **options: Any) -> None:
        received.append({**options, "extra": extra})

    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return received[0] if received else re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def test_defaults_are_those_of_the_fields():
    unset = {"what": "x", "count": None, "share": 0.5, "names": "a,b", "out": None, "settings": {}, "quick": True, "extra": ""}
    assert call(["x"]) == unset


def test_values_have_the_types_of_the_fields():
    words = ["x", "--count", "3", "--share", "0.25", "--who", "c, d", "--out", "there", "--set", "a=1", "--set", "b=c=d"]
    received = call([*words, "--no-quick", "--extra", "e"])
    assert received == {
        "what": "x",
        "count": 3,
        "share": 0.25,
        "names": "c, d",
        "out": Path("there"),
        "settings": {"a": "1", "b": "c=d"},
        "quick": False,
        "extra": "e",
    }


def test_a_command_may_take_only_some_fields_and_say_more_about_them():
    assert call(["x"], only=("what", "share")) == {"what": "x", "share": 0.5, "extra": ""}
    text = call(["--help"], only=("what", "share"), share="Its part.")
    assert "Its part." in text
    assert "Which part." not in text
    assert "--count" not in text


@pytest.mark.parametrize(("command", "request_class"), [("search", Request), ("bench", BenchmarkRequest)])
def test_every_field_of_a_request_is_an_option_with_its_help(command, request_class):
    output = CliRunner().invoke(archwright_app, [command, "--help"], env={"COLUMNS": "300"}).output
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╰─╮╯]", "", output).split())
    for field in fields(request_class):
        assert " ".join(field.metadata["help"].split()) in text
        name = field.metadata.get("option", f"no_{field.name}" if field.default is True else field.name)
        assert (name if field.default is MISSING else f"--{name.replace('_', '-')}") in text
