"""Features: the numbers by which a surrogate compares networks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archwright.architecture.question import Option, Question


@dataclass(frozen=True)
class Features:
    """What a network is made of, and how large it is; missing names count as 0.

    `counts`: how often each item (an answer, a path of operations) occurs in it. `sizes`: numbers with which its score may rise or
    fall (a depth, a width, the logarithm of its parameters). `weights`: the weight of each count relative to the others, 1 if
    missing.
    """

    counts: Mapping[str, float]
    sizes: Mapping[str, float]
    weights: Mapping[str, float] = field(default_factory=dict)


def features_of_answers(questions: Iterable[Question], answers: Mapping[str, Option]) -> Features:
    """The features derived from answers alone, for questions with names such as `stage0/width` and `stage1/width`.

    Counts: each answer, and how often it is given to questions of one kind (whose names differ only in their numbers). Sizes: if
    the options are numbers, the relative rank of the answer in [0, 1], and the sum of these per kind; and the number of questions.
    """
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for question in questions:
        answer = answers[question.name]
        kind = re.sub(r"\d+", "*", question.name)
        names = {question.name, kind}
        counts.update(f"{name}={answer!r}" for name in names)
        sizes["questions"] += 1
        if (rank := _relative_rank(question, answer)) is not None:
            sizes.update(dict.fromkeys(names, rank))
    return Features(counts, sizes)


def _relative_rank(question: Question, answer: Option) -> float | None:
    """The rank of a number among the options, scaled to [0, 1]; None for questions whose options are not numbers."""
    numbers = [option for option in question.options if isinstance(option, (int, float)) and not isinstance(option, bool)]
    if len(numbers) < max(2, len(question.options)):
        return None
    assert isinstance(answer, (int, float))
    return sorted(numbers).index(answer) / (len(numbers) - 1)
