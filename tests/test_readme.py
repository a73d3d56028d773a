"""What the Markdown files tell users to type is valid: commands, options, names, imports and links."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import archwright.main_job
from archwright.cli import app
from archwright.data.datasets import dataset_names
from archwright.data.problem import Problem
from archwright.evaluate.objective import parse_objectives
from archwright.execute import executor_names
from archwright.network.baselines import baseline_names, is_network
from archwright.plugins import known_names
from archwright.search_space import make_space, space_names
from archwright.search_strategy import BUILT_IN, GROUP
from archwright.settings import with_settings
from archwright.study.strategies_by_name import make_any
from archwright.study.time_plan import Budget
from archwright.train.recipe import recipe_for

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?:\.venv/bin/)?(archwright .+)$", re.MULTILINE)
CONTRIBUTING_COMPONENTS = {"mlp", "elite", "waves", "linear", "polite"}
"""Components of the package in CONTRIBUTING.md, which test_contributing.py installs."""


def expand_alternatives(text):
    """`list spaces|datasets` is two commands."""
    first, *others = text.split("|")
    stem = first.rsplit(" ", 1)[0]
    return [first, *(f"{stem} {other}" for other in others)]


def all_commands():
    """Pairs of location and arguments: the words after `archwright`."""
    for page in PAGES:
        for text in COMMAND.findall(page.read_text(encoding="utf-8")):
            yield from ((f"{page.name}: {line}", shlex.split(line)[1:]) for line in expand_alternatives(text))


COMMANDS = dict(all_commands())
BUILT_IN_COMMANDS = {location: words for location, words in COMMANDS.items() if not CONTRIBUTING_COMPONENTS & set(words)}
SEARCHES = {location: words for location, words in BUILT_IN_COMMANDS.items() if words[0] == "search"}
LISTS = {location: words for location, words in BUILT_IN_COMMANDS.items() if words[0] in ("list", "describe")}
PYTHON = [
    pytest.param(match["content"], id=f"{page.name}: {match['content'].splitlines()[0]}")
    for page in PAGES
    for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    if match["language"] == "python"
]


def parse(words):
    """The options as the command line parses them. Raises typer's UsageError for an unknown one."""
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command.make_context(command.name, rest).params


def test_commands_are_found_and_a_wrong_option_is_noticed():
    assert len(COMMANDS) > 15
    with pytest.raises(Exception, match="No such option: --trails"):
        parse(["search", "digits", "--trails", "3"])


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_every_command_has_known_options(words):
    parse(words)


@pytest.mark.parametrize("words", SEARCHES.values(), ids=SEARCHES)
def test_every_search_names_existing_components(words, monkeypatch):
    monkeypatch.chdir(ROOT / "examples")
    requests = []
    monkeypatch.setattr(archwright.main_job, "run", requests.append)
    monkeypatch.setattr(archwright.main_job, "print_result", lambda _: None)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output or result.exception
    (request,) = requests
    request.check_settings()
    make_space(request.space or "chain", request.settings_for("space"))
    for name in request.all_strategies:
        make_any(name, request.settings_for(name, "strategy"))
    for name in request.baselines or ():
        is_network(name)
    recipe_for(1000, request.settings_for("train"))
    with_settings(Budget, request.settings_for("budget"), "budget")
    parse_objectives(request.objectives, Problem("toy", "classification", (1, 8, 8), 10))
    assert request.executor in executor_names()
    assert request.source in dataset_names() or "." in request.source or "/" in request.source


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)
def test_every_list_and_describe_command_runs(words):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    assert len(result.output) > 100


@pytest.mark.parametrize("code", PYTHON)
def test_every_import_and_name_of_archwright_exists(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("archwright"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "archwright":
            assert hasattr(archwright, node.attr)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_this_repository_has_a_target(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_readme_names_every_component():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    components = [*space_names(), *known_names(BUILT_IN, GROUP), *baseline_names(), *executor_names()]
    assert not [name for name in components if f"`{name}`" not in text]
