"""The papers in `papers.bib`, in one line and as BibTeX, and plain text in their place."""

import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from types import SimpleNamespace

import pytest

from archwright.papers import Note, bibliography, papers_of

TEXT = files("archwright").joinpath("papers.bib").read_text(encoding="utf-8")
ENTRIES = re.sub(r"^%.*\n\n", "", TEXT, flags=re.MULTILINE).removesuffix("\n").split("\n\n")
"""The entries of the file, apart from its headings."""
PAPERS = bibliography()
ENTRY = re.compile(r"@(\w+)\{([\w:.-]+),\n((?:  \w+ = \{.*\},?\n)+)\}")
FIELD = re.compile(r"  (\w+) = \{(.*)\},?\n")


def parsed(entry):
    """An entry's kind, key and fields; fails if it is anything but one entry with balanced braces."""
    match = ENTRY.fullmatch(entry)
    assert match, f"this is no entry with one field a line:\n{entry}"
    kind, key, content = match.groups()
    fields = FIELD.findall(content)
    assert len(dict(fields)) == len(fields), f"{key} has a field twice"
    for name, value in fields:
        depth = 0
        for character in value:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0, f"{key} closes a brace too many in its {name}"
        assert depth == 0, f"{key} leaves a brace open in its {name}"
    return kind, key, dict(fields)


def written(kind, key, fields):
    """An entry in the form of the file."""
    return f"@{kind}{{{key},\n" + ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items()) + "\n}"


REQUIRED = {"article": {"journal"}, "inproceedings": {"booktitle"}, "incollection": {"booktitle"}, "misc": set()}
GOOD = "@misc{knuth1984,\n  author = {Knuth, Donald E.},\n  title = {Literate {P}rogramming}\n}"
BROKEN = {
    "no closing brace": GOOD.removesuffix("}"),
    "no key": GOOD.replace("knuth1984,", ""),
    "a value without braces": GOOD.replace("{Knuth, Donald E.}", "Knuth"),
    "a field over two lines": GOOD.replace("Knuth, ", "Knuth,\n    "),
    "a field twice": GOOD.replace("title", "author"),
    "a brace left open": GOOD.replace("{P}", "{P"),
    "a brace too many": GOOD.replace("{P}", "P}{"),
    "no comma after a field": GOOD.replace("E.},", "E.}"),
    "a comma after the last": GOOD.replace("}\n}", "},\n}"),
}


@pytest.mark.parametrize("key", PAPERS)
def test_an_entry_is_valid(key):
    kind, written_key, fields = parsed(PAPERS[key].bibtex)
    assert {"author", "title", "year", *REQUIRED[kind]} <= {field for field, value in fields.items() if value}
    assert written_key == PAPERS[key].key == key
    surname = fields["author"].partition(",")[0].lower()
    assert key == "archwright" or re.fullmatch(rf"{surname}{fields['year']}[a-z]*", key)
    assert re.fullmatch(r"(19|20)\d\d", fields["year"])
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "1802.01548"))
    assert fields.get("archiveprefix") == ("arXiv" if "eprint" in fields else None)
    assert fields["author"].isascii()
    assert PAPERS[key].fields == fields


def test_the_file_is_what_its_entries_say():
    assert [written(*parsed(entry)) for entry in ENTRIES] == ENTRIES
    assert [paper.bibtex for paper in PAPERS.values()] == ENTRIES


@pytest.mark.parametrize("entry", BROKEN.values(), ids=list(BROKEN))
def test_the_check_above_can_fail(entry):
    assert written(*parsed(GOOD)) == GOOD
    with pytest.raises(AssertionError):
        assert written(*parsed(entry)) == entry


def test_keys_titles_and_numbers_are_unique():
    entries = [(key, fields["title"], fields.get("eprint")) for _, key, fields in map(parsed, ENTRIES)]
    for values in zip(*entries, strict=True):
        assert [value for value, count in Counter(values).items() if count > 1 and value is not None] == []


@pytest.mark.parametrize("key", PAPERS)
def test_one_line_is_free_of_latex(key):
    assert not set(PAPERS[key].text) & set("\\{}\n")
    assert PAPERS[key].fields["year"] in PAPERS[key].text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("breiman2001", "Breiman 2001, Random Forests"),
        ("hochreiter1997", "Hochreiter & Schmidhuber 1997, Long Short-Term Memory"),
        ("liu2019", "Liu, Simonyan & Yang 2019, DARTS: Differentiable Architecture Search, arXiv:1806.09055"),
        ("he2016", "He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385"),
    ],
)
def test_one_line_names_up_to_three_authors(key, text):
    assert PAPERS[key].text == text


def test_plain_text_becomes_a_valid_note():
    kind, key, fields = parsed(Note("my parts:{Elite}", r"A & B 2026, 50% {of #1} \ a_b").bibtex)
    assert (kind, key) == ("misc", "my-parts:-Elite-")
    assert fields["note"] == r"A \& B 2026, 50\% \textbraceleft{}of \#1\textbraceright{} \textbackslash{} a\_b"


@pytest.mark.parametrize(
    ("paper", "found"),
    [
        (None, ()),
        ((), ()),
        ("liu2019", (PAPERS["liu2019"],)),
        (("xu2020", "liu2019"), (PAPERS["xu2020"], PAPERS["liu2019"])),
        ("liu2019x", (Note("mine", "liu2019x"),)),
        ("Liu et al. 2019", (Note("mine", "Liu et al. 2019"),)),
        (("Smith 2025", "liu2019", "Jones 2026"), (PAPERS["liu2019"], Note("mine", "Smith 2025; Jones 2026"))),
    ],
)
def test_a_key_is_a_paper_and_anything_else_is_text(paper, found):
    assert papers_of(SimpleNamespace(paper=paper), "mine") == found


def test_a_part_without_a_paper_has_none():
    assert papers_of(object(), "mine") == ()


def test_the_file_is_read_once():
    assert bibliography() is PAPERS


def test_nothing_reads_the_file_on_import():
    code = "import archwright.catalogue, archwright.report.citations as c; print(c.bibliography.cache_info().misses)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"
