import pytest

from archwright.data.read_errors import reading
from archwright.errors import DataError


def test_errors_become_one_sentence(tmp_path):
    file = tmp_path / "some.txt"
    file.write_text("content")
    with (
        pytest.raises(DataError, match=r"some\.txt cannot be read as a list \(end\): it may be truncated"),
        reading(file, "a list"),
    ):
        raise EOFError("end")


def test_data_errors_stay_unchanged(tmp_path):
    with pytest.raises(DataError, match=r"^mine$"), reading(tmp_path, "a list"):
        raise DataError("mine")


def test_an_empty_file_is_refused_without_reading_it(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(DataError, match="is empty"), reading(tmp_path / "empty", "a list"):
        pytest.fail("tried")


def test_programming_errors_are_not_hidden(tmp_path):
    with pytest.raises(AttributeError), reading(tmp_path, "a list"):
        raise AttributeError
