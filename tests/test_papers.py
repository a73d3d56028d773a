"""Papers in one line and as BibTeX."""

import re
from collections import Counter

import pytest

import archwright.papers
from archwright.papers import Note, Paper

PAPERS = {name: paper for name, paper in vars(archwright.papers).items() if isinstance(paper, Paper)}
ENTRY = re.compile(r"@(\w+)\{([\w:.-]+),\n((?:  \w+ = \{.*\},?\n)+)\}")
FIELD = re.compile(r"  (\w+) = \{(.*)\},?\n")


def parsed(entry):
    """An entry's kind, key and fields; fails if it is anything but one entry with balanced braces."""
    kind, key, content = ENTRY.fullmatch(entry).groups()
    fields = FIELD.findall(content)
    assert len(dict(fields)) == len(fields)
    for _, value in fields:
        depth = 0
        for character in value:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0
        assert depth == 0
    return kind, key, dict(fields)


REQUIRED = {"article": {"journal"}, "inproceedings": {"booktitle"}, "incollection": {"booktitle"}, "misc": set()}


@pytest.mark.parametrize("name", PAPERS)
def test_an_entry_is_valid(name):
    kind, key, fields = parsed(PAPERS[name].bibtex)
    assert {"author", "title", "year", *REQUIRED[kind]} <= {field for field, value in fields.items() if value}
    assert key == PAPERS[name].key == name.replace("_", "").lower()
    assert re.fullmatch(r"(19|20)\d\d", fields["year"])
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1802.01548"))
    assert fields["author"].isascii()


def test_keys_titles_and_numbers_are_unique():
    for values in zip(*((paper.key, paper.title, paper.arxiv) for paper in PAPERS.values()), strict=True):
        assert [value for value, count in Counter(values).items() if count > 1 and value is not None] == []


@pytest.mark.parametrize("name", PAPERS)
def test_one_line_is_free_of_latex(name):
    assert not set(PAPERS[name].text) & set("\\{}\n")
    assert str(PAPERS[name].year) in PAPERS[name].text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BREIMAN_2001", "Breiman 2001, Random Forests"),
        ("HOCHREITER_1997", "Hochreiter & Schmidhuber 1997, Long Short-Term Memory"),
        ("LIU_2019", "Liu, Simonyan & Yang 2019, DARTS: Differentiable Architecture Search, arXiv:1806.09055"),
        ("HE_2016", "He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385"),
    ],
)
def test_one_line_names_up_to_three_authors(name, text):
    assert PAPERS[name].text == text


def test_plain_text_becomes_a_valid_note():
    kind, key, fields = parsed(Note("my parts:{Elite}", r"A & B 2026, 50% {of #1} \ a_b").bibtex)
    assert (kind, key) == ("misc", "my-parts:-Elite-")
    assert fields["note"] == r"A \& B 2026, 50\% \textbraceleft{}of \#1\textbraceright{} \textbackslash{} a\_b"
