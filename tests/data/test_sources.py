import numpy as np
import pytest

from archwright.data.arrays import Arrays
from archwright.data.sources import read_source
from archwright.errors import DataError


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "digit",
            r"no data set and no file or folder 'digit' \(did you mean 'digits'\?\): choose from digits, .* or give the path of",
        ),
        ("missing/data.npz", "no file or folder 'missing/data.npz'"),
    ],
)
def test_what_is_not_there_gets_the_list(source, told):
    with pytest.raises(DataError, match=told):
        read_source(source)


@pytest.mark.parametrize("name", ["table.xlsx", "field.npy", "noending"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / name).write_text("a")
    with pytest.raises(DataError, match=f"{name}: such files are not read: give the path of an .npz file"):
        read_source(tmp_path / name)


@pytest.mark.parametrize("source", ["digits", Arrays(x=np.zeros((3, 2)), y=[0, 1, 0])])
def test_a_target_is_for_tables(source):
    with pytest.raises(DataError, match="--target names columns of a"):
        read_source(source, ("y",))


def test_a_data_set_goes_before_a_folder_of_its_name_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert "give ./digits" in read_source("digits").notes[0]
    with pytest.raises(DataError, match="has no sub-folders"):
        read_source("./digits")
