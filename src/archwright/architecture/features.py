"""Numbers by which a surrogate model compares networks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archwright.architecture.question import Option, Question


@dataclass(frozen=True)
class Features:
    """What a network is made of, and how large it is; a name that is left out counts 0.

    `counts`: how often each thing occurs in it (an answer, a path of operations). `sizes`: numbers that its worth may rise or
    fall with (a depth, a width, the logarithm of its parameters). `weights`: how much a count matters beside the others; 1 where
    a name is left out.
    """

    counts: Mapping[str, float]
    sizes: Mapping[str, float]
    weights: Mapping[str, float] = field(default_factory=dict)


def features_of_answers(questions: Iterable[Question], answers: Mapping[str, Option]) -> Features:
    """What the answers alone say, of a space whose questions have names such as `stage0/width` and `stage1/width`.

    Counts: each answer, and how often it is given to questions of one kind (names that differ in their numbers only). Sizes: where
    the options are numbers, the answer's place among them in [0, 1], and the sum of these for each kind; the number of questions.
    """
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for question in questions:
        answer = answers[question.name]
        kind = re.sub(r"\d+", "*", question.name)
        names = {question.name, kind}
        counts.update(f"{name}={answer!r}" for name in names)
        sizes["questions"] += 1
        if (place := _place(question, answer)) is not None:
            sizes.update(dict.fromkeys(names, place))
    return Features(counts, sizes)


def _place(question: Question, answer: Option) -> float | None:
    """Where a number is among the options in ascending order, from 0 to 1; None for other questions."""
    numbers = [option for option in question.options if isinstance(option, (int, float)) and not isinstance(option, bool)]
    if len(numbers) < max(2, len(question.options)):
        return None
    assert isinstance(answer, (int, float))
    return sorted(numbers).index(answer) / (len(numbers) - 1)
