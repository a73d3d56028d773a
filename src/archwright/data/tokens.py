"""Tokens of a text: its characters, or its words; and the vocabulary that numbers them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from archwright.data.problem import Level
from archwright.data.raw_data import Array

UNKNOWN, END_OF_LINE = "<unk>", "<eos>"
MOST_WORDS = 10_000
"""The commonest words are kept, as in Mikolov's Penn Treebank; all others are one."""
WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def tokenise(text: str, level: Level, *, split: bool = False) -> Sequence[str]:
    """The tokens of a text in order.

    "character": every character, line ends too. "word": words in lower case and signs, and `<eos>` after each line that has any;
    where they are `split` already, what stands between spaces.
    """
    if level == "character":
        return text
    lines = (line.split() if split else WORD.findall(line.lower()) for line in text.split("\n"))
    return [token for line in lines if line for token in (*line, END_OF_LINE)]


@dataclass(frozen=True)
class Vocabulary:
    """The known tokens; a token's number is its place. All others are `<unk>`, which is always among them."""

    names: tuple[str, ...]

    @classmethod
    def learn(cls, tokens: Iterable[str], level: Level) -> Vocabulary:
        """From the training split: `<unk>`, then the commonest first, of words no more than 10,000 in all."""
        counts = Counter(tokens)
        counts.pop(UNKNOWN, None)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        return cls((UNKNOWN, *(names[: MOST_WORDS - 1] if level == "word" else names)))

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def encode(self, tokens: Sequence[str]) -> Array:
        """(n,) int64."""
        unknown, numbers = self.numbers[UNKNOWN], self.numbers
        return np.fromiter((numbers.get(token, unknown) for token in tokens), np.int64, len(tokens))

    def decode(self, numbers: Iterable[int], level: Level) -> str:
        """The text of tokens: words with a space between them, but not before a line's end."""
        names = [self.names[number] for number in numbers]
        if level == "character":
            return "".join(names)
        return " ".join(names).replace(f" {END_OF_LINE} ", "\n").replace(f" {END_OF_LINE}", "\n")
