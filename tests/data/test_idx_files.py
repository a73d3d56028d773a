import gzip

import numpy as np
import pytest

from archwright.data.idx_files import read_idx, read_idx_folder
from archwright.errors import DataError


@pytest.mark.parametrize("kind", ["uint8", "int32", "float32"])
@pytest.mark.parametrize("zipped", [True, False])
def test_values_are_read_as_they_were_written(samples, tmp_path, kind, zipped):
    values = np.arange(24).reshape(2, 3, 4).astype(kind)
    content = samples.idx_bytes(values)
    file = tmp_path / ("a.gz" if zipped else "a")
    file.write_bytes(gzip.compress(content) if zipped else content)
    assert np.array_equal(read_idx(file), values)
    assert read_idx(file).dtype == kind


def test_the_header_is_as_published(tmp_path):
    """The first bytes of MNIST's label files: magic number 2049, then the number of labels."""
    (tmp_path / "labels").write_bytes(bytes.fromhex("00000801 00000003 070201".replace(" ", "")))
    assert read_idx(tmp_path / "labels").tolist() == [7, 2, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\3\4 something", "is not an IDX file"),
        (bytes.fromhex("0000080100000003") + b"ab", "has 10 bytes, but shape .* needs 11"),
        (bytes.fromhex("0000080100000003") + b"abcd", "has 12 bytes, but shape .* needs 11"),
        (bytes.fromhex("00000803000000"), "needs 16"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "labels")


def test_truncated_gzip_is_refused(samples, tmp_path):
    content = gzip.compress(samples.idx_bytes(np.arange(200, dtype=np.uint8)))
    (tmp_path / "labels.gz").write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"labels\.gz cannot be read as an IDX file"):
        read_idx(tmp_path / "labels.gz")


def test_images_need_their_labels(samples, tmp_path):
    folder = samples.idx_folder(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no t10k-labels-idx1-ubyte"):
        read_idx_folder(folder, "mine")
    assert read_idx_folder(folder, "mine", targets_needed=False).y is None
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    assert read_idx_folder(folder, "mine").sizes == (40, 0, 0)
    (folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no train-images-idx3-ubyte"):
        read_idx_folder(folder, "mine")
