"""Text files: any `.txt`, and the three files of the Penn Treebank as prepared by Mikolov et al. 2010 (Interspeech)."""

from __future__ import annotations

import re
from pathlib import Path

from archwright.data.raw_text import RawText
from archwright.data.read_errors import reading
from archwright.errors import DataError

PENN_TREEBANK = {"train": "ptb.train.txt", "val": "ptb.valid.txt", "test": "ptb.test.txt"}


def is_text(path: Path) -> bool:
    """Whether a file is read as a text."""
    return path.suffix.lower() == ".txt"


def read_text_file(path: Path) -> RawText:
    """The text, by default as characters, a Penn Treebank file as words. Raises DataError if it cannot be read."""
    split = re.fullmatch(r"ptb\.\w+\.txt", path.name) is not None
    return RawText(path.stem, str(path), {"": text_of(path)}, level="word" if split else "character", split=split)


def is_penn_treebank(folder: Path) -> bool:
    """Whether any of its three files is in `folder`."""
    return any((folder / name).is_file() for name in PENN_TREEBANK.values())


def read_penn_treebank(folder: Path) -> RawText:
    """The files that exist, one sentence per line. Raises DataError if the training file is missing."""
    if not (folder / PENN_TREEBANK["train"]).is_file():
        raise DataError(f"{folder} has no {PENN_TREEBANK['train']}: add it, the text to train on")
    texts = {part: text_of(folder / name) for part, name in PENN_TREEBANK.items() if (folder / name).is_file()}
    return RawText(folder.resolve().name, str(folder), texts, level="word", split=True)


def text_of(path: Path) -> str:
    """The content of a UTF-8 file, with line feeds as line ends. Raises DataError if it cannot be read."""
    with reading(path, "a text in UTF-8"):
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
