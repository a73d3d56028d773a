"""BibTeX of the papers behind a run's space, strategies and baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from archwright.architecture.question import Option
from archwright.errors import UnknownName
from archwright.network.baselines import baseline_papers
from archwright.papers import Note, Paper, Papers, bibliography, papers_of
from archwright.report.report_data import ReportData, Supernet
from archwright.search_space import space_class
from archwright.study.strategies_by_name import describe_any

ALWAYS = ("archwright", "lindauer2020", "elsken2019")
OF_OPTIONS: Mapping[tuple[str, Option], str] = {
    ("discretization", "perturbation"): "wang2021",
    ("discretization", "progressive"): "li2020",
    ("relaxation", "sparsemax"): "martins2016",
    ("auxiliary_skip", True): "chu2021",
}
"""The papers behind values of the one-shot methods' settings."""


def papers_behind(data: ReportData) -> Iterator[Paper | Note]:
    """The papers that a run follows, beside those that every run cites."""
    yield bibliography()["hesterberg2015"]  # the intervals of the verdict
    yield from papers_of_space(data.space)
    for method in data.methods:
        name = str(method["name"])
        yield from papers_of_strategy(name) if method.get("kind") == "search" else papers_of_baseline(name)
    for supernet in data.supernets.values():
        yield from papers_of_options(supernet)


def papers_of_space(name: str) -> Papers:
    """The papers of the space of this name, as a note if it cannot be found."""
    return _found(name, lambda: papers_of(space_class(name), name))


def papers_of_strategy(name: str) -> Papers:
    """The papers of the strategy of this name, as a note if it cannot be found."""
    return _found(name, lambda: describe_any(name).papers)


def papers_of_baseline(name: str) -> Papers:
    """The papers of the baseline of this name, as a note if it cannot be found."""
    return _found(name, lambda: baseline_papers(name))


def _found(name: str, papers: Callable[[], Papers]) -> Papers:
    """A run may be reported where a package with its strategy is not installed."""
    try:
        return papers()
    except UnknownName:
        return (Note(name, f"The paper of {name}, which is not installed here"),)


def papers_of_options(supernet: Supernet) -> Papers:
    """The papers behind the settings with which a supernet was trained and discretized."""
    settings = supernet.record.get("settings") or {}
    used = {**settings, "discretization": (supernet.record.get("discretization") or {}).get("method")}
    return tuple(bibliography()[key] for (name, value), key in OF_OPTIONS.items() if used.get(name) == value)


def bibtex(papers: Iterable[Paper | Note]) -> str:
    """The entries of these papers, each once, after those that every run cites."""
    always = (bibliography()[key] for key in ALWAYS)
    return "\n\n".join({paper.key: paper.bibtex for paper in (*always, *papers)}.values())
