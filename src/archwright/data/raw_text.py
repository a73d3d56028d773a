"""A text as every reader returns it, before it is split into tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archwright.data.problem import Level


@dataclass(frozen=True)
class RawText:
    """`where`: the source in words, for errors. `texts`: the whole text under "", or given splits as "train", "val" and "test".

    `level`: the default for its tokens. `split`: words and punctuation are already separated by spaces, with one sentence per
    line, as in the Penn Treebank.
    """

    name: str
    where: str
    texts: Mapping[str, str]
    level: Level = "character"
    split: bool = False
    notes: tuple[str, ...] = ()
