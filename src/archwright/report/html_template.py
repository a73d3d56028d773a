"""Fills in the Jinja templates of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def markup(svg: str | None) -> Any:
    """Our own SVG, which must not be escaped."""
    from markupsafe import Markup

    return None if svg is None else Markup(svg)


def filled_in(template: Path, content: Mapping[str, Any]) -> str:
    """The whole page as text. Included templates are looked for beside `template`, then among the report's own.

    Everything that comes from data is escaped; only our own SVG is not.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([template.parent, TEMPLATES])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(template.name).render(content)
