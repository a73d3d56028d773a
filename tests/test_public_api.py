import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import archwright

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "lightning_fabric", "sklearn", "pandas", "matplotlib", "optuna", "numpy")


def heavy_after(code):
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return run.stdout.split()


def test_every_public_name_exists_and_is_listed():
    for name in archwright.__all__:
        assert getattr(archwright, name) is not None
    assert set(archwright.__all__) <= set(dir(archwright))


def test_type_checkers_see_the_same_names_from_the_same_places():
    """mypy reads the imports under TYPE_CHECKING, Python the table of modules."""
    tree = ast.parse(inspect.getsource(archwright))
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    shown = {alias.name: node.module for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert shown == archwright._MODULES
    assert {*shown, "__version__"} == set(archwright.__all__)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"'serch'.*search"):
        archwright.serch  # noqa: B018


def test_the_import_and_the_command_line_need_nothing_heavy():
    assert (
        heavy_after("import archwright; archwright.InputError, archwright.Arrays, archwright.SearchSpace, archwright.History") == []
    )
    assert heavy_after("import archwright.cli") == []


def test_the_check_above_can_fail():
    assert heavy_after("import numpy") == ["numpy"]


def test_the_version_is_that_of_the_package():
    assert archwright.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
