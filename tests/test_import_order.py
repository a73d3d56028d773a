"""The tree explains the field: each folder imports only from those above it, and nothing heavy is imported before it is needed."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import archwright

SOURCE = Path(archwright.__file__).parent
FOLDERS = (
    "architecture",
    "data",
    "ops",
    "network",
    "search_space",
    "cost",
    "train",
    "evaluate",
    "export",
    "search_strategy",
    "one_shot",
    "ledger",
    "execute",
    "statistics",
    "study",
    "report",
    "benchmark",
)
FOR_ALL = ("errors", "papers", "plugins", "settings", "atomic_file", "formatting", "process_group")
"""Files beside the folders that any of them imports; they themselves import none. The other files there import from any folder."""
HEAVY = {
    "torch",
    "lightning_fabric",
    "torchmetrics",
    "kornia",
    "optuna",
    "sqlalchemy",
    "pandas",
    "sklearn",
    "scipy",
    "matplotlib",
    "onnx",
}
MODULES = sorted(SOURCE.rglob("*.py"))


def tree(module):
    return ast.parse(module.read_text(encoding="utf-8"))


def imported(module):
    """Every archwright module that a file imports, inside functions and for type checkers too."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import in line {node.lineno}"
            yield from ([node.module] if node.module != "archwright" else [f"archwright.{alias.name}" for alias in node.names])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def folder_of(name):
    """The folder of a dotted name within archwright; None for what is beside the folders, or elsewhere."""
    parts = name.split(".")
    return parts[1] if parts[0] == "archwright" and len(parts) > 1 and (SOURCE / parts[1]).is_dir() else None


def test_the_folders_are_those_of_the_design():
    there = {path.parent.relative_to(SOURCE).parts[0] for path in MODULES if path.parent != SOURCE}
    assert there == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_from_those_above_it(folder):
    below = set(FOLDERS[FOLDERS.index(folder) + 1 :])
    wrong = [
        f"{module.relative_to(SOURCE)} imports {name}"
        for module in (SOURCE / folder).rglob("*.py")
        for name in imported(module)
        if folder_of(name) in below
    ]
    assert wrong == []


def test_of_what_is_beside_the_folders_they_import_only_what_is_for_all():
    allowed = {f"archwright.{name}" for name in FOR_ALL}
    wrong = [
        f"{module.relative_to(SOURCE)} imports {name}"
        for folder in FOLDERS
        for module in (SOURCE / folder).rglob("*.py")
        for name in imported(module)
        if name.startswith("archwright") and folder_of(name) is None and name not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("name", FOR_ALL)
def test_what_is_for_all_imports_no_folder(name):
    wrong = [other for other in imported(SOURCE / f"{name}.py") if folder_of(other) is not None]
    assert wrong == []


def test_no_product_file_is_named_like_a_test():
    assert [module for module in MODULES if module.name.startswith("test_") or module.name.endswith("_test.py")] == [
        SOURCE / "statistics" / "paired_test.py"  # a statistical one
    ]


def test_no_module_needs_itself():
    """No cycles, of whatever length, among the imports that happen when a module is imported."""
    needs = {name_of(module): set(at_import(module)) for module in MODULES}
    done, path = set(), []

    def visit(name):
        assert name not in path, f"a cycle: {' -> '.join([*path[path.index(name) :], name])}"
        if name in done:
            return
        path.append(name)
        for other in needs.get(name, ()):
            visit(other)
        path.pop()
        done.add(name)

    for name in needs:
        visit(name)
    assert len(done) >= len(MODULES)


def name_of(module):
    parts = module.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def at_import(module):
    """What a module imports when it is imported itself: not in functions, not for type checkers."""
    for node in tree(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("archwright."):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")]
            yield from submodules or [node.module]


def is_module(name):
    path = SOURCE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_no_public_function_has_the_name_of_a_folder():
    named = [
        f"{module.relative_to(SOURCE)}: {node.name}"
        for module in MODULES
        for node in tree(module).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in FOLDERS
    ]
    assert named == []
    assert not set(archwright.__all__) & set(FOLDERS)


@pytest.mark.parametrize("name", ["utils", "util", "core", "common", "base", "helpers", "helper", "misc"])
def test_no_file_is_called_after_nothing(name):
    assert [path for path in SOURCE.rglob("*") if path.stem == name] == []


def loaded_after(code):
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_the_command_line_starts_without_anything_heavy():
    assert not loaded_after("import archwright.cli") & {*HEAVY, "numpy", "rich", "yaml"}


LIGHT = """
import archwright.architecture.variation, archwright.data.problem, archwright.evaluate.history, archwright.catalogue
from archwright.catalogue import catalogue
from archwright.search_space import make_space, space_names
from archwright.search_strategy import make_strategy, strategy_names
for name in space_names():
    make_space(name).questions()
for name in strategy_names():
    if ":" not in name:
        make_strategy(name)
for what in ("spaces", "strategies", "datasets", "baselines"):
    catalogue(what)
import archwright.execute
"""


def test_deciding_and_listing_need_no_torch_and_no_optuna():
    assert not loaded_after(LIGHT) & HEAVY


def test_a_module_says_what_it_is():
    for module in MODULES:
        assert ast.get_docstring(tree(module)), f"{module} has no docstring"
    assert inspect.getdoc(archwright)
