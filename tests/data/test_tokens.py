import numpy as np
import pytest

from archwright.data.tokens import Vocabulary, tokenise


def test_characters_are_tokens_including_line_ends():
    assert list(tokenise("To be,\n", "character")) == ["T", "o", " ", "b", "e", ",", "\n"]


def test_words_are_lower_case_with_separate_punctuation_and_an_end_for_each_non_empty_line():
    text = "To be, or not to be:\n\nthat's the well-known question!\n"
    assert tokenise(text, "word") == [
        *("to", "be", ",", "or", "not", "to", "be", ":", "<eos>"),
        *("that's", "the", "well-known", "question", "!", "<eos>"),
    ]


def test_words_that_are_split_already_stay_as_they_are():
    assert tokenise(" mr. <unk> is N years\n", "word", split=True) == ["mr.", "<unk>", "is", "N", "years", "<eos>"]


def test_the_vocabulary_begins_with_the_unknown_and_the_most_frequent():
    vocabulary = Vocabulary.learn(["b", "a", "c", "a", "b", "a", "<unk>"], "word")
    assert vocabulary.names == ("<unk>", "a", "b", "c")
    assert np.array_equal(vocabulary.encode(["c", "a", "zebra", "<unk>"]), [3, 1, 0, 0])


def test_the_ten_thousand_most_frequent_words_are_kept_and_all_characters():
    tokens = [str(i) for i in range(12_000)] + ["often"] * 2
    words, characters = (Vocabulary.learn(tokens, level) for level in ("word", "character"))
    assert (len(words.names), words.names[1]) == (10_000, "often")
    assert len(characters.names) == 12_002


@pytest.mark.parametrize(("level", "text"), [("character", "Ay,\nno; no."), ("word", "ay , \nno ; no .\n")])
def test_encoding_can_be_reversed(level, text):
    tokens = tokenise(text, level)
    vocabulary = Vocabulary.learn(tokens, level)
    assert vocabulary.decode(vocabulary.encode(tokens), level).replace(" \n", "\n") == text.replace(" \n", "\n")
