"""Everything that follows from a space's `decide` alone: sampling, enumeration, mutation, crossover, neighbours.

`decide` is ordinary Python code that asks questions, some of them only after certain answers. Nothing else is known about a space
here, so everything works for conditional questions, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from archwright.architecture.question import Choose, Option, Question
from archwright.errors import UnknownAnswer

Decide = Callable[[Choose], Any]
Answers = dict[str, Option]
Answerer = Callable[[Question], Option]


def ask(decide: Decide, answerer: Answerer) -> tuple[Any, Answers]:
    """What `decide` returns, and the answers it was given, in the order of the questions.

    A question asked twice gets the same answer again. Raises UnknownAnswer if an answer is not an option, or if one name is asked
    with two different sets of options.
    """
    asked: dict[str, Question] = {}
    answers: Answers = {}

    def choose(name: str, options: Any) -> Any:
        question = Question(name, tuple(options))
        if asked.setdefault(name, question) != question:
            raise UnknownAnswer(
                f"{name!r} is asked with {options} and with {list(asked[name].options)}: keep a name's options the same"
            )
        if name not in answers:
            answer = answerer(question)
            question.check(answer)
            answers[name] = answer
        return answers[name]

    return decide(choose), answers


def questions_asked(decide: Decide, answers: Mapping[str, Option]) -> dict[str, Question]:
    """The questions that these answers answer, in the order in which they are asked."""
    asked: dict[str, Question] = {}

    def answer(question: Question) -> Option:
        asked[question.name] = question
        return _given(answers, question)

    ask(decide, answer)
    return asked


def replay(decide: Decide, answers: Mapping[str, Option]) -> Any:
    """What `decide` returns for these answers. Raises UnknownAnswer if one is missing or left over."""
    description, used = ask(decide, lambda question: _given(answers, question))
    left_over = [name for name in answers if name not in used]
    if left_over:
        raise UnknownAnswer(f"the space does not ask {', '.join(map(repr, left_over))} with these answers: leave them out")
    return description


def _given(answers: Mapping[str, Option], question: Question) -> Option:
    if question.name not in answers:
        options = ", ".join(map(str, question.options))
        raise UnknownAnswer(f"no answer to {question.name!r}: choose from {options}")
    return answers[question.name]


def sample_answers(decide: Decide, rng: Random) -> Answers:
    """A random answer to each question asked, uniform over its options."""
    return ask(decide, lambda question: rng.choice(question.options))[1]


def keep_or_sample(decide: Decide, kept: Mapping[str, Option], rng: Random) -> Answers:
    """Asks again: answers that still fit are kept, new questions are answered at random, other answers are dropped."""

    def answer(question: Question) -> Option:
        if question.name in kept and question.position(kept[question.name]) is not None:
            return kept[question.name]
        return rng.choice(question.options)

    return ask(decide, answer)[1]


def mutate_answers(decide: Decide, answers: Mapping[str, Option], rng: Random, edits: int = 1) -> Answers:
    """Changes one answer (a uniform question, then a uniform other option), or `edits` different ones, and asks again.

    Raises UnknownAnswer if there is nothing to change, since every question has only one option.
    """
    open_questions = [q for q in questions_asked(decide, answers).values() if len(q.options) > 1]
    if not open_questions:
        raise UnknownAnswer("this space holds a single architecture: there is nothing to mutate")
    questions = [rng.choice(open_questions)] if edits == 1 else rng.sample(open_questions, min(edits, len(open_questions)))
    changed = {question.name: rng.choice(question.others(answers[question.name])) for question in questions}
    return keep_or_sample(decide, {**answers, **changed}, rng)


def crossover_answers(decide: Decide, mother: Mapping[str, Option], father: Mapping[str, Option], rng: Random) -> Answers:
    """Uniform crossover: each question takes the answer of either parent that has one, otherwise a random answer."""
    names = dict.fromkeys([*mother, *father])
    chosen = {}
    for name in names:
        first, second = (mother, father) if rng.random() < 0.5 else (father, mother)
        chosen[name] = first[name] if name in first else second[name]
    return keep_or_sample(decide, chosen, rng)


def neighbouring_answers(decide: Decide, answers: Mapping[str, Option]) -> Iterator[Answers]:
    """Every change of a single answer; new questions take their first option, so that the result is deterministic."""
    for question in questions_asked(decide, answers).values():
        for option in question.others(answers[question.name]):
            changed = {**answers, question.name: option}
            yield ask(decide, lambda q, changed=changed: _kept_or_first(q, changed))[1]  # type: ignore[misc]


def _kept_or_first(question: Question, kept: Mapping[str, Option]) -> Option:
    if question.name in kept and question.position(kept[question.name]) is not None:
        return kept[question.name]
    return question.options[0]


def enumerate_answers(decide: Decide, fixed: Mapping[str, Option] = MappingProxyType({})) -> Iterator[Answers]:
    """Every set of answers exactly once, in the lexicographic order of the questions and their options.

    Only those with the `fixed` answers; a fixed answer to a question that is not asked has no effect.
    """
    path: list[tuple[Question, int]] = []
    while True:
        depth = 0

        def answer(question: Question) -> Option:
            nonlocal depth
            if question.name in fixed:
                return fixed[question.name]
            if depth == len(path):
                path.append((question, 0))
            depth += 1
            return question.options[path[depth - 1][1]]

        yield ask(decide, answer)[1]
        while path and path[-1][1] + 1 == len(path[-1][0].options):
            path.pop()
        if not path:
            return
        question, position = path[-1]
        path[-1] = (question, position + 1)


def answers_after(decide: Decide, answers: Mapping[str, Option]) -> Answers | None:
    """The next set of answers in the order of `enumerate_answers`; None after the last."""
    path = list(questions_asked(decide, answers).values())
    while path and path[-1].position(answers[path[-1].name]) == len(path[-1].options) - 1:
        path.pop()
    if not path:
        return None
    *before, last = path
    kept = {question.name: answers[question.name] for question in before}
    kept[last.name] = last.options[(last.position(answers[last.name]) or 0) + 1]
    return ask(decide, lambda question: kept.get(question.name, question.options[0]))[1]


def collect_questions(decide: Decide, samples: int = 1000) -> tuple[Question, ...]:
    """All questions seen when each option of each known question is taken in turn, then in `samples` random architectures.

    Exact if each question depends on a single earlier answer; a space with deeper conditions overrides `questions`.
    """
    rng = Random(0)
    seen: dict[str, Question] = {}

    def add_questions(answers: Mapping[str, Option]) -> None:
        seen.update({name: q for name, q in questions_asked(decide, answers).items() if name not in seen})

    add_questions(sample_answers(decide, rng))
    tried: set[tuple[str, int]] = set()
    while untried := [(q, i) for q in list(seen.values()) for i in range(len(q.options)) if (q.name, i) not in tried]:
        for question, i in untried:
            tried.add((question.name, i))
            add_questions(keep_or_sample(decide, {question.name: question.options[i]}, rng))
    for _ in range(samples):
        add_questions(sample_answers(decide, rng))
    return tuple(seen.values())


def questions_always_asked(decide: Decide) -> tuple[Question, ...]:
    """The questions of a single pass: all of them, for a space without conditional questions."""
    asked: list[Question] = []

    def first(question: Question) -> Option:
        asked.append(question)
        return question.options[0]

    ask(decide, first)
    return tuple(asked)
