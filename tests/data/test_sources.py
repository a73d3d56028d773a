import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.data.sources import read_source
from archwright.errors import DataError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "digit",
            r"no data set, file or folder 'digit' \(did you mean 'digits'\?\): choose from digits, .* or give the path of",
        ),
        ("missing/data.npz", "no data set, file or folder 'missing/data.npz'"),
    ],
)
def test_an_unknown_source_is_refused_with_the_known_names(source, message):
    with pytest.raises(DataError, match=message):
        read_source(source)


@pytest.mark.parametrize("name", ["table.xlsx", "field.npy", "noending"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / name).write_text("a")
    with pytest.raises(DataError, match=f"{name}: unsupported file type: give the path of an .npz file"):
        read_source(tmp_path / name)


@pytest.mark.parametrize("source", ["digits", Arrays(x=np.zeros((3, 2)), y=[0, 1, 0])])
def test_a_target_is_only_for_tables(source):
    with pytest.raises(DataError, match="--target names columns of a"):
        read_source(source, ("y",))


def test_a_data_set_precedes_a_folder_of_its_name_with_a_note(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert "give ./digits" in read_source("digits").notes[0]
    with pytest.raises(DataError, match="has no sub-folders"):
        read_source("./digits")
