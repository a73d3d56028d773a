"""From a text to a problem: tokens, a vocabulary, contiguous splits, and windows with the tokens that come next.

A text is never shuffled: training, validation and test are blocks that follow each other, so that a hidden state can be carried
through each from its first token to its last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from archwright.data.arrays import PARTS
from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import LEVELS, Level, Problem
from archwright.data.raw_data import Array
from archwright.data.raw_text import RawText
from archwright.data.splits import LockedTest, ProblemData, Split
from archwright.data.tokens import UNKNOWN, Vocabulary, tokenise
from archwright.errors import DataError

SHARE = 0.1
"""Of all tokens, for each split that was not given, off the end."""
WINDOW: dict[Level, int] = {"character": 64, "word": 35}
"""Tokens of a window where no other length is asked for."""
LEAST_WINDOWS = 2
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
Blocks = dict[str, Array]


def text_problem(raw: RawText, level: str | None = None, window: int | None = None) -> ProblemData:
    """The problem of predicting each token from those before it: x (n, T) numbers of tokens, y (n, T) of the next ones.

    Raises DataError for an unknown level, a text too short for its windows, or one without anything to predict.
    """
    chosen = _level(level, raw.level)
    length = _window(window, chosen)
    tokens = {part: tokenise(text, chosen, split=raw.split) for part, text in raw.texts.items()}
    blocks = _blocks(tokens)
    vocabulary = Vocabulary.learn(blocks["train"], chosen)
    encoded = {part: vocabulary.encode(block) for part, block in blocks.items()}
    _check(encoded, chosen, length, raw.where)
    splits = _splits(encoded, length)
    problem = Problem(
        name=raw.name,
        task="language_modelling",
        input_shape=(length,),
        outputs=len(vocabulary.names),
        names=vocabulary.names,
        **{f"n_{part}": len(split) for part, split in splits.items()},  # type: ignore[arg-type]
        data_hash=_hash(encoded, vocabulary),
        level=chosen,
    )
    test = LockedTest(lambda: splits["test"], len(splits["test"]))
    return ProblemData(
        problem, splits["train"], splits["val"], test, Preprocessing((), ()), (*raw.notes, *_notes(encoded, vocabulary, chosen))
    )


def encode_text(raw: RawText, problem: Problem) -> Array:
    """The whole text in a problem's vocabulary, (n,) int64. Raises DataError where it has fewer than two tokens."""
    level = _level(problem.level, "character")
    tokens = [token for text in raw.texts.values() for token in tokenise(text, level, split=raw.split)]
    if len(tokens) < 2:
        raise DataError(f"{raw.where} has {len(tokens)} {level}(s): a language model predicts each from those before, so give two")
    return Vocabulary(problem.names).encode(tokens)


def windows(tokens: Array, length: int) -> tuple[Array, Array]:
    """(n,) tokens as windows that follow each other, x (N, T), and the tokens after each, y (N, T); the rest is dropped."""
    count = (len(tokens) - 1) // length
    whole = count * length
    return tokens[:whole].reshape(count, length), tokens[1 : whole + 1].reshape(count, length)


def _level(asked: str | None, usual: Level) -> Level:
    if asked is None:
        return usual
    if asked not in LEVELS:
        raise DataError(f"there is no level {asked!r}: choose from {', '.join(LEVELS)}")
    return asked


def _window(asked: int | None, level: Level) -> int:
    if asked is not None and (not isinstance(asked, int) or asked < 1):
        raise DataError(f"a window of {asked!r} tokens: give a whole number from 1 up")
    return asked or WINDOW[level]


def _blocks(tokens: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Each split's tokens: the given ones, and in place of those that are missing a share off the end of the others."""
    pool = tokens["train"] if "train" in tokens else tokens[""]
    size, blocks = int(SHARE * len(pool)), dict(tokens)
    for part in ("test", "val"):
        if part not in tokens:
            blocks[part], pool = pool[len(pool) - size :], pool[: len(pool) - size]
    return {"train": pool, "val": blocks["val"], "test": blocks["test"]}


def _check(encoded: Blocks, level: Level, length: int, where: str) -> None:
    needed = LEAST_WINDOWS * length + 1
    for part, block in encoded.items():
        if len(block) < needed:
            raise DataError(
                f"{where}: the {SPLIT_NAMES[part]} split has {len(block)} {level}s, and {LEAST_WINDOWS} windows of {length} "
                f"need {needed}: give a longer text, or a shorter --window"
            )
    if len(np.unique(encoded["train"])) < 2:
        raise DataError(f"{where}: the training text is one {level} over and over: there is nothing to predict")


def _splits(encoded: Blocks, length: int) -> dict[str, Split]:
    splits, first = {}, 0
    for part in PARTS:
        x, y = windows(encoded[part], length)
        splits[part] = Split(x, y, np.arange(first, first + len(x), dtype=np.int64))
        first += len(x)
    return splits


def _notes(encoded: Blocks, vocabulary: Vocabulary, level: Level) -> tuple[str, ...]:
    """How long the splits are, and how much of them is unknown."""
    sizes = ", ".join(f"{len(encoded[part]):,} {name}" for part, name in zip(PARTS, ("train", "validate", "test"), strict=True))
    told = [f"of the text's {level}s, {sizes}, in this order; the vocabulary has {len(vocabulary.names):,} entries"]
    for part, name in SPLIT_NAMES.items():
        unknown = int((encoded[part] == vocabulary.numbers[UNKNOWN]).sum())
        if unknown:
            told.append(
                f"{UNKNOWN} stands for {unknown:,} {level}s of the {name} split ({100 * unknown / len(encoded[part]):.1f} %)"
            )
    return tuple(told)


def _hash(encoded: Blocks, vocabulary: Vocabulary) -> str:
    digest = hashlib.sha256(repr(vocabulary.names).encode())
    for block in encoded.values():
        digest.update(f"{block.shape}".encode() + block.tobytes())
    return digest.hexdigest()[:16]
