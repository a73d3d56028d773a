"""What is imported is declared, what is declared agrees with what is tested, and all citations of the library agree."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from archwright.papers import bibliography

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_USERS = [name for name in EXTRAS if name not in ("all", "dev")]
ARCHWRIGHT = bibliography()["archwright"]


def imported(folder):
    """The top-level modules that the files of a folder import, without those of Python and of this repository."""
    sources = list((ROOT / folder).rglob("*.py"))
    own = {path.stem for place in ("tests", "benchmarks") for path in (ROOT / place).rglob("*.py")} | {"archwright", "tests"}
    names = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
    return names - own - set(sys.stdlib_module_names)


def declared(*extras):
    """The distributions that are declared, those of these extras among them, each with its requirement."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in EXTRAS[extra])]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


def undeclared(modules, requirements):
    """The modules that none of the required distributions has."""
    found = packages_distributions()
    return sorted(name for name in modules if not {canonicalize_name(of) for of in found.get(name, ())} & set(requirements))


def test_every_distribution_that_the_library_imports_is_declared():
    modules = imported("src")
    assert {"torch", "sqlalchemy", "ray"} <= modules
    assert undeclared(modules, declared(*FOR_USERS)) == []


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "examples"])
def test_every_distribution_that_other_folders_import_is_declared(folder):
    assert undeclared(imported(folder), declared(*FOR_USERS, "dev")) == []


def test_the_check_above_can_fail():
    assert undeclared({"torch", "yaml"}, declared()) == ["yaml"]


def test_all_is_every_extra_for_users_and_none_of_the_developers_tools():
    (requirement,) = map(Requirement, EXTRAS["all"])
    assert (requirement.name, requirement.extras) == ("archwright", set(FOR_USERS))


def test_what_is_tested_satisfies_every_lower_bound():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    tested = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    for name, requirement in declared(*FOR_USERS, "dev").items():
        assert re.fullmatch(r">=[\d.]+", str(requirement.specifier)), f"{requirement} has no lower bound"
        assert requirement.specifier.contains(tested[name]), f"{requirement}, but {tested[name]} is tested"


def test_the_papers_are_in_the_package():
    assert files("archwright").joinpath("papers.bib").is_file()


def test_the_citation_file_agrees_with_the_package_and_with_reports():
    content = dict(re.findall(r'^([\w-]+): "?([^"\n]+)"?$', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE))
    assert content["cff-version"] == "1.2.0"
    assert content["type"] == "software"
    assert content["message"]
    assert content["title"] == ARCHWRIGHT.fields["title"]
    assert content["version"] == PROJECT["version"]
    assert content["license"] == PROJECT["license"]
    assert content["repository-code"] == PROJECT["urls"]["Repository"]
    assert re.fullmatch(rf"{ARCHWRIGHT.fields['year']}-\d\d-\d\d", content["date-released"])


def test_authors_are_the_same_everywhere():
    (author,) = (entry["name"] for entry in PROJECT["authors"])
    assert f'authors:\n  - name: "{author}"\n' in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert ARCHWRIGHT.fields["author"] == f"{{{author}}}"


def test_the_readme_cites_the_library_as_reports_do():
    assert f"```bibtex\n{ARCHWRIGHT.bibtex}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
