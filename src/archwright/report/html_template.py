"""How the pages are made: a Jinja template, filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent / "templates"


def filled_in(template: Path, content: Mapping[str, Any]) -> str:
    """The whole page as text. What it includes lies beside it, or beside the report's own templates.

    All that comes from data is escaped; only our own SVG is not.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([template.parent, OWN])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(template.name).render(content)
