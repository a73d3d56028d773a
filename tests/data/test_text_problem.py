import numpy as np
import pytest

from archwright.data.load import load_problem
from archwright.data.raw_text import RawText
from archwright.data.text_problem import encode_text, text_problem, windows
from archwright.errors import DataError

TEXT = "abcdefghij" * 100


def raw(text=TEXT, **more):
    return RawText("letters", "letters.txt", {"": text}, **more)


def tokens_of(split):
    return np.append(split.x.reshape(-1), split.y[-1, -1])


def test_windows_are_consecutive_and_targets_are_the_next_tokens():
    x, y = windows(np.arange(12), 4)
    assert np.array_equal(x, [[0, 1, 2, 3], [4, 5, 6, 7]])
    assert np.array_equal(y, x + 1)
    assert len(windows(np.arange(13), 4)[0]) == 3


def test_the_splits_are_blocks_in_the_order_of_the_text(tmp_path):
    data = text_problem(raw(), window=9)
    problem = data.problem
    test = data.test.open("test", tmp_path / "log")
    assert (problem.task, problem.level, problem.metric, problem.maximize) == (
        *("language_modelling", "character", "bits_per_character"),
        False,
    )
    assert (problem.input_shape, problem.outputs, problem.names[0]) == ((9,), 11, "<unk>")
    assert [len(data.train), len(data.val), len(test)] == [problem.n_train, problem.n_val, problem.n_test] == [88, 11, 11]
    for split, first in ((data.train, 0), (data.val, 800), (test, 900)):
        tokens = tokens_of(split)
        assert "".join(problem.names[i] for i in tokens) == TEXT[first : first + len(tokens)]
        assert split.x.dtype == split.y.dtype == np.int64
        assert split.index[0] == (0 if first == 0 else 88 if first == 800 else 99)


def test_given_splits_are_kept_and_missing_ones_come_off_the_end_of_training():
    texts = {"train": TEXT, "test": "jihgfedcba" * 10}
    data = text_problem(RawText("given", "given", texts), window=10)
    assert (data.problem.n_train, data.problem.n_val, data.problem.n_test) == (89, 9, 9)
    assert data.problem.names[int(data.val.x[0, 0])] == TEXT[900]


def test_tokens_missing_from_training_are_unknown_with_a_note():
    data = text_problem(RawText("given", "given", {"train": TEXT, "val": TEXT[:100] + "?!", "test": TEXT}), window=5)
    assert (data.val.x == 0).sum() + (data.val.y[-1, -1] == 0) == 1  # the other is in the rest that is dropped
    assert any("<unk> replaces 2 characters of the validation split (2.0 %)" in note for note in data.notes)


def test_words_have_a_perplexity():
    problem = text_problem(raw("to be or not to be\n" * 60), "word", 5).problem
    assert (problem.level, problem.metric) == ("word", "perplexity")
    assert set(problem.names) == {"<unk>", "<eos>", "to", "be", "or", "not"}


def test_new_text_is_read_in_the_vocabulary_of_the_model():
    problem = text_problem(raw(), window=9).problem
    encoded = encode_text(RawText("new", "new.txt", {"": "abz"}), problem)
    assert [problem.names[i] for i in encoded] == ["a", "b", "<unk>"]
    with pytest.raises(DataError, match=r"new\.txt has 1 character"):
        encode_text(RawText("new", "new.txt", {"": "a"}), problem)


@pytest.mark.parametrize(
    ("text", "level", "window", "message"),
    [
        ("abc" * 20, None, None, "training split has 48 characters, but 2 windows of 64 need 129"),
        ("a" * 2000, None, 8, "repeats a single character"),
        (TEXT, "syllable", None, "no level 'syllable': choose from character, word"),
        (TEXT, None, 0, "the window is 0 tokens"),
    ],
)
def test_texts_that_cannot_be_modelled_are_refused(text, level, window, message):
    with pytest.raises(DataError, match=message):
        text_problem(raw(text), level, window)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"task": "classification"}, "leave out --task classification"), ({"layout": "image"}, "leave out --layout image")],
)
def test_options_of_other_data_are_refused_for_a_text(tmp_path, options, message):
    (tmp_path / "letters.txt").write_text(TEXT)
    with pytest.raises(DataError, match=message):
        load_problem(tmp_path / "letters.txt", **options)
    assert load_problem(tmp_path / "letters.txt", task="language_modelling", window=5).problem.n_train == 159


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "word"}, "not a text .*leave out --level word"),
        ({"window": 5}, "leave out --window 5"),
        ({"task": "language_modelling"}, "leave out --task language_modelling"),
    ],
)
def test_options_of_a_text_are_refused_for_other_data(options, message):
    with pytest.raises(DataError, match=message):
        load_problem("digits", **options)


def test_the_same_text_has_the_same_hash_and_another_vocabulary_another():
    one, same = text_problem(raw(), window=9).problem, text_problem(raw(), window=7).problem
    other = text_problem(raw(TEXT.replace("a", "A")), window=9).problem
    assert one.data_hash == same.data_hash != other.data_hash
