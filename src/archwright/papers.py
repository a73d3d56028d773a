"""The papers in `papers.bib` that the library's parts follow: each names its own as its `paper`, for `describe` and the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("papers.bib")
ENTRY = re.compile(r"^@\w+\{([\w:.-]+),\n.*?\n\}$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},?$", re.MULTILINE)
"""A field, in a line of its own. A test checks that all of the file is written so."""
ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
)
"""What LaTeX would not print as it is. Braces are named, as BibTeX counts them even behind a backslash."""


@dataclass(frozen=True)
class Paper:
    """A paper: its key, and its whole BibTeX entry."""

    key: str
    bibtex: str

    @property
    def fields(self) -> dict[str, str]:
        """What the entry says, as it is written there: `title`, `author` (`Surname, First names and ...`), `year` ..."""
        return dict(FIELD.findall(self.bibtex))

    @property
    def text(self) -> str:
        """The paper in one line, as in `Real et al. 2019, Regularized Evolution for ..., arXiv:1802.01548`."""
        fields = self.fields
        surnames = [author.partition(",")[0] for author in fields["author"].split(" and ")]
        if len(surnames) > 3:
            surnames = [f"{surnames[0]} et al."]
        authors = " & ".join(filter(None, (", ".join(surnames[:-1]), surnames[-1])))
        number = f", arXiv:{fields['eprint']}" if "eprint" in fields else ""
        return re.sub("[{}]", "", f"{authors} {fields['year']}, {fields['title']}{number}")


@dataclass(frozen=True)
class Note:
    """What a part outside the library says of its papers in plain text."""

    name: str
    text: str

    @property
    def key(self) -> str:
        """The name of the part, without what BibTeX would misread."""
        return re.sub(r"[^\w:.-]+", "-", self.name)

    @property
    def bibtex(self) -> str:
        """The text as a BibTeX entry."""
        return f"@misc{{{self.key},\n  note = {{{self.text.translate(ESCAPED)}}}\n}}"


Cited = str | tuple[str, ...]
"""What a part may say as its `paper`: a key of `papers.bib`, plain text, or several."""
Papers = tuple[Paper | Note, ...]
"""What a part follows, as it can be cited."""


@cache
def bibliography() -> Mapping[str, Paper]:
    """The papers in `papers.bib` by key."""
    return {entry[1]: Paper(entry[1], entry[0]) for entry in ENTRY.finditer(FILE.read_text(encoding="utf-8"))}


def papers_of(part: object, name: str) -> Papers:
    """The papers that a part, found by this name, says it follows; none if it has no `paper`."""
    return papers_named(getattr(part, "paper", None) or (), name)


def papers_named(paper: Cited, name: str) -> Papers:
    """The papers with these keys; what is no key becomes a note of the part of this name."""
    known, said = bibliography(), (paper,) if isinstance(paper, str) else paper
    text = "; ".join(words for words in said if words not in known)
    return (*(known[key] for key in said if key in known), *([Note(name, text)] if text else []))
