import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.architecture.architecture import Architecture, answers_as_text, short_hash
from archwright.errors import InputError

OPTIONS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
MAPPINGS = st.dictionaries(st.text(), OPTIONS, max_size=5)


@given(settings=MAPPINGS, answers=MAPPINGS)
def test_json_round_trip(settings, answers):
    architecture = Architecture("space", settings, answers)
    again = Architecture.from_json(json.loads(json.dumps(architecture.to_json())))
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert list(again.answers) == list(answers)


def test_further_keys_are_left_alone_and_missing_ones_named():
    text = Architecture("s", {}, {"q": 1}).to_json()
    assert Architecture.from_json({**text, "input_shape": [1, 8, 8]}) == Architecture("s", {}, {"q": 1})
    del text["answers"]
    with pytest.raises(InputError, match="answers missing"):
        Architecture.from_json(text)


def test_changing_the_mappings_it_was_made_from_does_not_change_it():
    answers = {"q": 1}
    architecture = Architecture("s", {}, answers)
    answers["q"] = 2
    assert architecture.answers == {"q": 1}


@given(answers=MAPPINGS)
def test_the_text_of_answers_does_not_depend_on_their_order(answers):
    backwards = dict(reversed(answers.items()))
    assert answers_as_text(answers) == answers_as_text(backwards)


def test_the_text_tells_apart_what_python_holds_equal():
    assert len({answers_as_text({"q": option}) for option in (1, True, 1.0, "1")}) == 4


def test_short_hash():
    assert short_hash("a") == "ca978112ca1bbdca"  # the first digits of SHA-256 of "a" (NIST's test values)
    assert short_hash("b") != short_hash("a")
