import shutil

import pytest

from archwright.data import king_james
from archwright.data.text_problem import text_problem
from archwright.errors import DataError

needs_bible = pytest.mark.skipif(shutil.which("bible") is None, reason=f"the command bible is missing: {king_james.INSTALL}")


@needs_bible
@pytest.mark.parametrize("dataset", [king_james.CHARACTERS, king_james.WORDS], ids=lambda dataset: dataset.name)
def test_the_verses_match_the_description(dataset):
    problem = text_problem(dataset.read()).problem
    assert (problem.name, problem.input_shape, problem.outputs) == (dataset.name, dataset.input_shape, dataset.outputs)
    assert problem.n_train + problem.n_val + problem.n_test == dataset.rows


@needs_bible
def test_the_numbers_of_the_verses_are_left_out():
    text = king_james.CHARACTERS.read().texts[""]
    assert text.startswith("In the beginning God created the heaven and the earth.\nAnd the earth was without form")
    assert not any(character.isdigit() for character in text)


def test_a_missing_command_is_named_with_its_installation(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="apt-get install bible-kjv"):
        king_james.WORDS.read()


def test_a_command_that_prints_something_else_is_refused(monkeypatch):
    monkeypatch.setattr(king_james, "_printed", lambda: "Ge1:1 In the beginning\n")
    with pytest.raises(DataError, match="printed 1 verses instead of 31,102"):
        king_james.CHARACTERS.read()
