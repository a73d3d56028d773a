import pytest

from archwright.atomic_file import written_atomically


def test_the_file_is_replaced_at_the_end(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with written_atomically(file) as unfinished:
        unfinished.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def write_half(file):
    with written_atomically(file) as unfinished:
        unfinished.write_text("half")
        raise ZeroDivisionError


def test_an_error_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
