import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from archwright import plugins
from archwright.architecture.question import Question
from archwright.errors import UnknownName
from archwright.plugins import find, known_names

BUILT_IN = {"question": "archwright.architecture.question:Question"}
GROUP = "archwright.tests"


@pytest.fixture
def installed(monkeypatch):
    """As if an installed package registered `theirs`, and a `question` that must not shadow the built-in one."""
    entries = EntryPoints(
        [EntryPoint("theirs", "collections:OrderedDict", GROUP), EntryPoint("question", "collections:deque", GROUP)]
    )
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries.select(group=group))


def test_a_built_in_part_is_found_by_name():
    assert find("question", BUILT_IN, GROUP, "part") is Question


def test_installed_packages_add_names_and_shadow_none(installed):
    import collections

    assert known_names(BUILT_IN, GROUP) == ["question", "theirs"]
    assert find("theirs", BUILT_IN, GROUP, "part") is collections.OrderedDict
    assert find("question", BUILT_IN, GROUP, "part") is Question


def test_module_and_class_of_an_installed_module():
    assert find("archwright.architecture.question:Question", {}, GROUP, "part") is Question


def test_module_and_class_of_a_file_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_parts_here.py").write_text("class Mine:\n    size = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    try:
        mine = find("my_parts_here:Mine", BUILT_IN, GROUP, "part")
        assert mine.size == 3
        assert find("my_parts_here:Mine", BUILT_IN, GROUP, "part") is mine
    finally:
        sys.modules.pop("my_parts_here", None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qestion", r"there is no part 'qestion' \(did you mean 'question'\?\): choose from question, or give module:Class"),
        ("no_such_module:Class", "module 'no_such_module' cannot be imported"),
        ("archwright.architecture.question:Nothing", "module 'archwright.architecture.question' has no 'Nothing'"),
    ],
)
def test_an_unknown_name_says_what_to_do(name, message):
    with pytest.raises(UnknownName, match=message):
        find(name, BUILT_IN, GROUP, "part")


def test_a_module_that_lacks_one_of_its_own_imports_says_so(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownName, match="no_such_dependency"):
        find("needs_more:Mine", BUILT_IN, GROUP, "part")
