"""The package in CONTRIBUTING.md, exactly as printed: written to a folder, found through its entry points, its tests run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = re.compile(r"^\*\*`(?P<name>[\w/.]+)`\*\*\n\n```\w+\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def files():
    return {match["name"]: match["content"] for match in FILE.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def package(files, tmp_path_factory):
    """The package's folder, with the metadata that an installation would create from its pyproject.toml."""
    folder = tmp_path_factory.mktemp("my_parts")
    for name, content in {**files, "my_parts/__init__.py": ""}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    metadata = folder / "my_parts-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for group, entries in groups for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(package, *arguments, timeout=100):
    environment = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=package, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_one_component_for_every_entry_point_group_of_the_library(files):
    groups = set(tomllib.loads(files["pyproject.toml"])["project"]["entry-points"])
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    assert groups == {group for source in sources for group in re.findall(r'^GROUP = "(.+)"$', source, re.MULTILINE)}


def test_its_tests_pass(package, files):
    out = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(package), "tests")
    assert f"{files['tests/test_my_parts.py'].count('def test_')} passed" in out


def test_its_components_are_listed(package):
    names = {"spaces": "mlp", "strategies": "elite", "datasets": "waves", "baselines": "linear"}
    for what, name in names.items():
        rows = json.loads(run(package, "-m", "archwright.cli", "list", what, "--json"))
        assert name in [row["name"] for row in rows]


@pytest.mark.slow
def test_a_search_with_all_of_them(package):
    arguments = "search waves --space mlp --strategy elite --baselines linear --executor polite --trials 2 --epochs 1 --seeds 1"
    out = run(package, "-m", "archwright.cli", *arguments.split(), "--no-random", timeout=300)
    assert "elite" in out
    assert "linear" in out
