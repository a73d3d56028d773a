"""What every reader of texts returns: the text as it is, before it is cut into tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archwright.data.problem import Level


@dataclass(frozen=True)
class RawText:
    """`where`: the source in words, for errors. `texts`: the whole under "", or given splits under "train", "val" and "test".

    `level`: of its tokens, where nothing else is asked for. `split`: words and signs stand between spaces already, one sentence a
    line, as in the Penn Treebank.
    """

    name: str
    where: str
    texts: Mapping[str, str]
    level: Level = "character"
    split: bool = False
    notes: tuple[str, ...] = ()
