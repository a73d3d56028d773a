"""The tokens of a text, its characters or words, and the vocabulary that numbers them."""

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
"""The most frequent words are kept, as in Mikolov's Penn Treebank; all others become one token."""
WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def tokenise(text: str, level: Level, *, split: bool = False) -> Sequence[str]:
    """The tokens of a text in order.

    "character": every character, including line ends. "word": lower-case words and punctuation marks, with `<eos>` after each
    non-empty line; if the text is already `split`, whatever is between spaces.
    """
    if level == "character":
        return text
    lines = (line.split() if split else WORD.findall(line.lower()) for line in text.split("\n"))
    return [token for line in lines if line for token in (*line, END_OF_LINE)]


@dataclass(frozen=True)
class Vocabulary:
    """The known tokens; a token's number is its index. Unknown ones become `<unk>`, which is always included."""

    names: tuple[str, ...]

    @classmethod
    def learn(cls, tokens: Iterable[str], level: Level) -> Vocabulary:
        """Learn it from the training split: `<unk>`, then tokens by frequency; of words, at most 10,000 in all."""
        counts = Counter(tokens)
        counts.pop(UNKNOWN, None)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        return cls((UNKNOWN, *(names[: MOST_WORDS - 1] if level == "word" else names)))

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def encode(self, tokens: Sequence[str]) -> Array:
        """The numbers of the tokens, (n,) int64."""
        unknown, numbers = self.numbers[UNKNOWN], self.numbers
        return np.fromiter((numbers.get(token, unknown) for token in tokens), np.int64, len(tokens))

    def decode(self, numbers: Iterable[int], level: Level) -> str:
        """The text of token numbers: words separated by spaces, except before a line end."""
        names = [self.names[number] for number in numbers]
        if level == "character":
            return "".join(names)
        return " ".join(names).replace(f" {END_OF_LINE} ", "\n").replace(f" {END_OF_LINE}", "\n")
