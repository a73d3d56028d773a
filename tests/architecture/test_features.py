import pytest

from archwright.architecture.features import Features, features_of_answers
from archwright.architecture.question import Question
from archwright.architecture.variation import ask


def features(asked):
    """asked: {name: (options, answer)}."""
    questions = [Question(name, tuple(options)) for name, (options, _) in asked.items()]
    return features_of_answers(questions, {name: answer for name, (_, answer) in asked.items()})


def test_an_answer_counts_for_its_question_and_for_all_of_its_kind():
    found = features({"0/op": (["conv", "pool"], "conv"), "1/op": (["conv", "pool"], "conv"), "act": (["relu"], "relu")})
    assert found.counts == {"0/op='conv'": 1, "1/op='conv'": 1, "*/op='conv'": 2, "act='relu'": 1}


def test_numbers_are_places_among_the_options_whatever_their_order_and_add_up_by_kind():
    found = features({"0/width": ([32, 8, 16], 16), "1/width": ([32, 8, 16], 32), "op": (["conv", "pool"], "conv")})
    assert found.sizes == {"0/width": 0.5, "1/width": 1.0, "*/width": 1.5, "questions": 3}


@pytest.mark.parametrize("options", [[True, False], [None, 1], ["1", 2], [3]])
def test_what_is_not_a_choice_of_numbers_has_no_size(options):
    assert features({"x": (options, options[0])}).sizes == {"questions": 1}


def test_one_and_true_are_different():
    assert features({"x": ([1, True], 1)}) != features({"x": ([1, True], True)})


def test_a_question_that_is_not_asked_counts_nothing():
    def decide(choose):
        return choose("op", ["conv", "pool"]) == "conv" and choose("kernel", [3, 5])

    def answer(question):
        return question.options[-1]

    _, answers = ask(decide, answer)
    assert features_of_answers([Question("op", ("conv", "pool"))], answers) == Features({"op='pool'": 1}, {"questions": 1})
