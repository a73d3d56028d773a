"""The available parts, by name, and their descriptions, for `archwright list` and `archwright describe`. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from archwright.errors import InputError, UnknownName
from archwright.plugins import first_line
from archwright.settings import settings_of

Entry = dict[str, Any]


def catalogue(what: str) -> list[Entry]:
    """All spaces, strategies, datasets or baselines, with name and summary. Raises UnknownName for anything else."""
    if what not in _LISTS:
        raise UnknownName(f"unknown list {what!r}: choose from {', '.join(_LISTS)}")
    return _LISTS[what]()


def _spaces() -> list[Entry]:
    from archwright.search_space import space_class, space_names

    return [{"name": name, "summary": first_line(space_class(name))} for name in space_names()]


def _strategies() -> list[Entry]:
    from archwright.study.strategies_by_name import all_strategy_names, summary_of

    return [{"name": name, "summary": summary_of(name)} for name in all_strategy_names()]


def _datasets() -> list[Entry]:
    from archwright.data.datasets import describe_datasets

    return [{**row, "summary": row["description"]} for row in describe_datasets()]


def _baselines() -> list[Entry]:
    from archwright.network.baselines import baseline_names, baseline_summary

    return [{"name": name, "summary": baseline_summary(name)} for name in baseline_names()]


_LISTS: dict[str, Callable[[], list[Entry]]] = {
    "spaces": _spaces,
    "strategies": _strategies,
    "datasets": _datasets,
    "baselines": _baselines,
}


def space_description(name: str, settings: Mapping[str, Any]) -> Entry:
    """A space's settings, questions and size; `count` is exact, `count_distinct` is None if it is too large to enumerate."""
    from archwright.search_space import make_space

    space = make_space(name, settings)
    published = space.published()
    return {
        "name": name,
        "settings": settings_of(space),
        "questions": [{"name": question.name, "options": list(question.options)} for question in space.questions()],
        "count": _count(space.count),
        "count_distinct": _count(space.count_distinct),
        "published": asdict(published) if published is not None else None,
    }


def _count(count: Callable[[], int | None]) -> int | None:
    """The count, or None for a large space without a formula."""
    try:
        return count()
    except InputError:
        return None


def strategy_description(name: str, settings: Mapping[str, Any]) -> Entry:
    """A strategy's paper and settings, with the given ones applied. Raises UnknownName or UnknownSetting."""
    from archwright.study.strategies_by_name import describe_any, make_any

    made = make_any(name, settings)
    description = describe_any(name).to_json()
    given = {key: getattr(made, key, value) for key, value in settings.items()}
    return {**description, "settings": {**description["settings"], **given}}
