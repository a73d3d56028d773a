import os
import pickle

import numpy as np
import pytest

from archwright.data.pickled_data import read_pickled_data, values_of
from archwright.errors import DataError


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "int64", ">i2", "float32"])
def test_arrays_of_numbers_are_read(tmp_path, protocol, kind):
    values = np.arange(12).reshape(3, 4).astype(kind)
    (tmp_path / "file").write_bytes(pickle.dumps({"data": values, "names": ["a", b"b"], "turned": values.T}, protocol))
    read = read_pickled_data(tmp_path / "file")
    assert np.array_equal(values_of(read["data"], "here"), values)
    assert np.array_equal(values_of(read["turned"], "here"), values.T)
    assert read["names"] == ["a", b"b"]


class Attack:
    """Unpickling this would end the process."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.parametrize(
    "content", [Attack(), os.getcwd, np.array([None, 1]), np.random.default_rng(0), np.array([(1, 2.0)], "i4,f4")]
)
def test_anything_but_data_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(pickle.dumps({"data": content}, 2))
    with pytest.raises(DataError, match="cannot be read as plain data"):
        read_pickled_data(tmp_path / "file")


@pytest.mark.parametrize(
    "content", [b"cbuiltins\neval\n(S'1'\ntR.", b"\x80\x02}(U", b"hello", b"\x80\x02cnumpy\nndarray\nK\x05\x85R."]
)
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as"):
        read_pickled_data(tmp_path / "file")
