import pytest

from archwright.architecture.question import Question
from archwright.errors import UnknownAnswer


def test_an_option_is_accepted_and_another_value_is_named():
    question = Question("kernel", (1, 3, 5))
    question.check(3)
    with pytest.raises(UnknownAnswer, match=r"'kernel' has no option 7: choose from 1, 3, 5"):
        question.check(7)


@pytest.mark.parametrize(("options", "stranger"), [((1, 2), True), ((True, False), 1), ((1, 2), 1.0), ((None, "a"), "None")])
def test_options_of_different_types_are_different(options, stranger):
    with pytest.raises(UnknownAnswer):
        Question("q", options).check(stranger)


def test_position_and_others_agree():
    question = Question("q", (1, True, "1", None))
    assert [question.position(option) for option in question.options] == [0, 1, 2, 3]
    assert question.position(2) is None
    assert question.others(True) == (1, "1", None)


def test_a_question_without_options_is_refused():
    with pytest.raises(UnknownAnswer, match="has no options"):
        Question("empty", ())
