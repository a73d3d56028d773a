import pytest

from archwright.data.text_file import is_penn_treebank, read_penn_treebank, read_text_file
from archwright.errors import DataError


def test_texts_with_any_line_ends(tmp_path):
    file = tmp_path / "letters.txt"
    file.write_bytes("\ufeffDear\r\nreader\n".encode())
    raw = read_text_file(file)
    assert (raw.name, raw.texts, raw.level) == ("letters", {"": "Dear\nreader\n"}, "character")


def test_a_penn_treebank_file_is_recognised_by_its_name(tmp_path):
    file = tmp_path / "ptb.test.txt"
    file.write_text(" no it was n't black monday \n")
    assert (read_text_file(file).level, read_text_file(file).split) == ("word", True)


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"caf\xe9", "a text in UTF-8")])
def test_files_that_are_not_texts_are_refused(tmp_path, content, message):
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text_file(file)


def test_the_penn_treebank_needs_a_text_to_train_on(tmp_path):
    (tmp_path / "ptb.valid.txt").write_text("a b\n")
    assert is_penn_treebank(tmp_path)
    with pytest.raises(DataError, match=r"has no ptb\.train\.txt"):
        read_penn_treebank(tmp_path)
