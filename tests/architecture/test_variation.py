from collections import Counter
from dataclasses import dataclass
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.architecture.variation import (
    answers_after,
    ask,
    collect_questions,
    crossover_answers,
    enumerate_answers,
    keep_or_sample,
    mutate_answers,
    neighbouring_answers,
    questions_always_asked,
    questions_asked,
    replay,
    sample_answers,
)
from archwright.errors import UnknownAnswer


@dataclass(frozen=True)
class Toy:
    """Question i has `sizes[i]` options, and is asked where the answer to question `sources[i]` is in `allowed[i]`."""

    sizes: tuple[int, ...]
    sources: tuple[int | None, ...]
    allowed: tuple[frozenset[int], ...]

    def decide(self, choose):
        answers = {}
        for i, size in enumerate(self.sizes):
            source = self.sources[i]
            if source is None or answers.get(source) in self.allowed[i]:
                answers[i] = choose(f"q{i}", range(size))
        return tuple(answers.items())

    def brute_force(self):
        """Every way to fill in all questions, cut down to those that are asked; no use of the code under test."""
        found = set()
        for full in product(*map(range, self.sizes)):
            asked = {}
            for i, source in enumerate(self.sources):
                if source is None or (source in asked and asked[source] in self.allowed[i]):
                    asked[i] = full[i]
            found.add(frozenset((f"q{i}", answer) for i, answer in asked.items()))
        return found


@st.composite
def toys(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    sources = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(len(sizes))]
    allowed = [draw(st.frozensets(st.integers(0, 2), min_size=1)) for _ in sizes]
    return Toy(tuple(sizes), tuple(sources), tuple(allowed))


few = settings(deadline=None, max_examples=60)
seeds = st.integers(0, 10**6)


@few
@given(toy=toys())
def test_enumeration_is_brute_force_and_repeats_nothing(toy):
    listed = [frozenset(answers.items()) for answers in enumerate_answers(toy.decide)]
    assert len(listed) == len(set(listed))
    assert set(listed) == toy.brute_force()


@few
@given(toy=toys(), name=st.sampled_from(["q0", "q1", "q2"]))
def test_with_fixed_answers_enumeration_lists_those_that_have_them_or_do_not_ask_them(toy, name):
    listed = list(enumerate_answers(toy.decide, {name: 0, "no such question": 1}))
    assert listed == [answers for answers in enumerate_answers(toy.decide) if answers.get(name, 0) == 0]


@few
@given(toy=toys())
def test_each_set_of_answers_leads_to_the_next_of_the_enumeration(toy):
    listed = list(enumerate_answers(toy.decide))
    assert [answers_after(toy.decide, answers) for answers in listed] == [*listed[1:], None]


@few
@given(toy=toys(), seed=seeds)
def test_a_sample_is_one_of_the_space_and_replays_to_its_description(toy, seed):
    answers = sample_answers(toy.decide, Random(seed))
    assert frozenset(answers.items()) in toy.brute_force()
    assert replay(toy.decide, answers) == tuple((int(name[1:]), answer) for name, answer in answers.items())


@few
@given(toy=toys(), seed=seeds)
def test_mutation_changes_exactly_one_kept_answer(toy, seed):
    rng = Random(seed)
    parent = sample_answers(toy.decide, rng)
    if all(toy.sizes[int(name[1:])] == 1 for name in parent):
        with pytest.raises(UnknownAnswer, match="nothing to mutate"):
            mutate_answers(toy.decide, parent, rng)
        return
    child = mutate_answers(toy.decide, parent, rng)
    assert frozenset(child.items()) in toy.brute_force()
    assert sum(parent[name] != child[name] for name in parent if name in child) == 1


@few
@given(toy=toys(), seed=seeds, edits=st.integers(2, 4))
def test_several_edits_change_as_many_answers_or_all_that_have_others(toy, seed, edits):
    rng = Random(seed)
    parent = sample_answers(toy.decide, rng)
    open_names = [name for name in parent if toy.sizes[int(name[1:])] > 1]
    if open_names:
        child = mutate_answers(toy.decide, parent, rng, edits)
        assert frozenset(child.items()) in toy.brute_force()
        gone = [name for name in parent if name not in child]
        changed = sum(parent[name] != child[name] for name in parent if name in child)
        assert min(edits, len(open_names)) - len(gone) <= changed <= edits


@few
@given(toy=toys(), seed=seeds)
def test_a_child_answers_as_one_of_its_parents(toy, seed):
    rng = Random(seed)
    mother, father = sample_answers(toy.decide, rng), sample_answers(toy.decide, rng)
    child = crossover_answers(toy.decide, mother, father, rng)
    assert frozenset(child.items()) in toy.brute_force()
    for name, answer in child.items():
        of_parents = [parent[name] for parent in (mother, father) if name in parent]
        assert answer in of_parents or not of_parents


@few
@given(toy=toys(), seed=seeds)
def test_neighbours_are_every_change_of_one_answer(toy, seed):
    answers = sample_answers(toy.decide, Random(seed))
    neighbours = list(neighbouring_answers(toy.decide, answers))
    assert neighbours == list(neighbouring_answers(toy.decide, answers))
    changes = []
    for neighbour in neighbours:
        assert frozenset(neighbour.items()) in toy.brute_force()
        changed = [name for name in answers if name in neighbour and answers[name] != neighbour[name]]
        assert len(changed) == 1
        changes.append((changed[0], neighbour[changed[0]]))
    expected = [(f"q{i}", o) for i, n in enumerate(toy.sizes) if f"q{i}" in answers for o in range(n) if o != answers[f"q{i}"]]
    assert sorted(changes) == sorted(expected)


@few
@given(toy=toys())
def test_collected_questions_are_all_that_enumeration_asks(toy):
    names = {question.name for question in collect_questions(toy.decide, samples=300)}
    assert names == {name for answers in toy.brute_force() for name, _ in answers}


@few
@given(toy=toys(), seed=seeds)
def test_what_still_fits_is_kept(toy, seed):
    rng = Random(seed)
    answers = sample_answers(toy.decide, rng)
    assert keep_or_sample(toy.decide, {**answers, "stranger": 1}, rng) == answers


def test_an_answer_that_no_longer_fits_is_replaced():
    answers = keep_or_sample(lambda choose: choose("q", [1, 2]), {"q": 3}, Random(0))
    assert answers["q"] in (1, 2)


def test_samples_are_uniform_per_question():
    def decide(choose):
        return choose("a", [1, 2]) == 1 and choose("b", ["x", "y", "z"])

    rng = Random(0)
    samples = [sample_answers(decide, rng) for _ in range(6000)]
    assert Counter(answers["a"] for answers in samples)[1] == pytest.approx(3000, abs=200)
    letters = Counter(answers["b"] for answers in samples if "b" in answers)
    assert all(letters[letter] == pytest.approx(1000, abs=150) for letter in "xyz")


def test_mutation_is_uniform_over_questions_then_over_options():
    def decide(choose):
        return choose("few", [0, 1]), choose("many", range(5)), choose("one", ["only"])

    rng = Random(0)
    children = [mutate_answers(decide, {"few": 0, "many": 0, "one": "only"}, rng) for _ in range(4000)]
    assert sum(child["few"] == 1 for child in children) == pytest.approx(2000, abs=150)
    many = Counter(child["many"] for child in children if child["few"] == 0)
    assert all(many[option] == pytest.approx(500, abs=100) for option in range(1, 5))


def test_a_question_asked_twice_has_one_answer():
    description, answers = ask(lambda choose: (choose("q", [1, 2]), choose("q", [1, 2])), lambda question: 2)
    assert description == (2, 2)
    assert answers == {"q": 2}


def test_one_name_with_other_options_is_an_error():
    with pytest.raises(UnknownAnswer, match="keep a name's options the same"):
        sample_answers(lambda choose: (choose("q", [1, 2]), choose("q", [1, 3])), Random(0))


def two_questions(choose):
    return choose("depth", [1, 2]) == 2 and choose("width", [8, 16])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "no answer to 'depth': choose from 1, 2"),
        ({"depth": 3}, "'depth' has no option 3"),
        ({"depth": 1, "width": 8}, "does not ask 'width'"),
        ({"depth": 2}, "no answer to 'width'"),
    ],
)
def test_answers_that_do_not_fit_are_named(answers, message):
    with pytest.raises(UnknownAnswer, match=message):
        replay(two_questions, answers)


def test_questions_come_in_the_order_of_asking():
    assert list(questions_asked(two_questions, {"width": 8, "depth": 2})) == ["depth", "width"]
    assert [question.name for question in questions_always_asked(lambda choose: (choose("b", [1]), choose("a", [2, 3])))] == [
        "b",
        "a",
    ]
