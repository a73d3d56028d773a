import numpy as np
import pytest

from archwright.data.npz_file import read_npz
from archwright.errors import DataError

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2


def save(folder, **entries):
    np.savez(folder / "mine.npz", **entries)
    return folder / "mine.npz"


def test_layout_and_unused_entries(tmp_path):
    raw = read_npz(save(tmp_path, x=X, y=Y, layout="series", comment=np.array("hi")))
    assert raw.layout == "series"
    assert raw.notes == ("unused entries: comment",)
    assert raw.name == "mine"


def test_targets_may_be_absent_for_prediction(tmp_path):
    assert read_npz(save(tmp_path, x=X), targets_needed=False).y is None
    with pytest.raises(DataError, match="has no 'y'"):
        read_npz(save(tmp_path, x=X))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a": X, "b": Y}, "has no inputs.*it has 'a', 'b'"),
        ({"x": X, "y": np.array([1, None, 2, 3, 4, 5], dtype=object)}, "'y' holds Python objects"),
        ({"x": X, "y": Y, "layout": np.array(3)}, "'layout' must be one text"),
    ],
)
def test_entries_that_cannot_be_used_are_refused(tmp_path, entries, message):
    with pytest.raises(DataError, match=message):
        read_npz(save(tmp_path, **entries))


def test_damaged_files_are_refused(tmp_path):
    file = save(tmp_path, x=np.random.default_rng(0).normal(size=(50, 40)), y=np.arange(50))
    whole = file.read_bytes()
    for content, message in (
        (b"", "is empty"),
        (b"hello", "is not an .npz file"),
        (whole[: len(whole) // 2], "is not an .npz file, or truncated"),
        (whole.replace(b"'shape': (", b"'shape': X"), "cannot be read as an .npz file"),
        (whole[:2000] + bytes(200) + whole[2200:], "cannot be read as an .npz file"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_npz(file)
