"""From a text to a problem: tokens, vocabulary, contiguous splits, and windows with the next tokens as targets.

A text is never shuffled: training, validation and test are consecutive blocks, so that a hidden state can be carried through
each of them from the first token to the last.
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
from archwright.formatting import plural

SHARE = 0.1
"""The share of all tokens that each missing split takes off the end."""
WINDOW: dict[Level, int] = {"character": 64, "word": 35}
"""The default window length, in tokens."""
LEAST_WINDOWS = 2
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
Blocks = dict[str, Array]


def text_problem(raw: RawText, level: str | None = None, window: int | None = None) -> ProblemData:
    """The problem of predicting each token from the preceding ones: x (n, T) token indices, y (n, T) those of the next tokens.

    Raises DataError for an unknown level, a text too short for its windows, or one with nothing to predict.
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
    """The token indices of the whole text in a problem's vocabulary, (n,) int64. Raises DataError for fewer than two tokens."""
    level = _level(problem.level, "character")
    tokens = [token for text in raw.texts.values() for token in tokenise(text, level, split=raw.split)]
    if len(tokens) < 2:
        raise DataError(
            f"{raw.where} has {plural(len(tokens), level)}: give at least two, since each is predicted from those before it"
        )
    return Vocabulary(problem.names).encode(tokens)


def windows(tokens: Array, length: int) -> tuple[Array, Array]:
    """(n,) tokens as consecutive windows, x (N, T), and the token after each, y (N, T); the remainder is dropped."""
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
        raise DataError(f"the window is {asked!r} tokens: give a whole number of at least 1")
    return asked or WINDOW[level]


def _blocks(tokens: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The tokens of each split: given ones as they are, missing ones taken off the end."""
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
                f"{where}: the {SPLIT_NAMES[part]} split has {plural(len(block), level)}, but {LEAST_WINDOWS} windows of {length} "
                f"need {needed}: give a longer text, or a shorter --window"
            )
    if len(np.unique(encoded["train"])) < 2:
        raise DataError(f"{where}: the training text repeats a single {level}: there is nothing to predict")


def _splits(encoded: Blocks, length: int) -> dict[str, Split]:
    splits, first = {}, 0
    for part in PARTS:
        x, y = windows(encoded[part], length)
        splits[part] = Split(x, y, np.arange(first, first + len(x), dtype=np.int64))
        first += len(x)
    return splits


def _notes(encoded: Blocks, vocabulary: Vocabulary, level: Level) -> tuple[str, ...]:
    """The lengths of the splits, and the share of unknown tokens in each."""
    train, val, test = (len(encoded[part]) for part in PARTS)
    sizes = f"{train:,} training, {val:,} validation and {test:,} test {level}s"
    notes = [f"the text is split, in order, into {sizes}; the vocabulary has {len(vocabulary.names):,} entries"]
    for part, name in SPLIT_NAMES.items():
        unknown = int((encoded[part] == vocabulary.numbers[UNKNOWN]).sum())
        if unknown:
            notes.append(
                f"{UNKNOWN} replaces {plural(unknown, level)} of the {name} split ({100 * unknown / len(encoded[part]):.1f} %)"
            )
    return tuple(notes)


def _hash(encoded: Blocks, vocabulary: Vocabulary) -> str:
    digest = hashlib.sha256(repr(vocabulary.names).encode())
    for block in encoded.values():
        digest.update(f"{block.shape}".encode() + block.tobytes())
    return digest.hexdigest()[:16]
