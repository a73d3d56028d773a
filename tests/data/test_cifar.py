import hashlib
import io
import tarfile

import numpy as np
import pytest

from archwright.data.cifar import CIFAR10_VERSIONS, CIFAR100_VERSIONS, read_cifar_folder
from archwright.data.dataset_files import Download, Files, download, locate
from archwright.data.load import load_problem
from archwright.errors import DataError


def test_both_versions_of_cifar10_hold_the_same(samples, tmp_path):
    python = read_cifar_folder(samples.cifar10_python(tmp_path / "a"), "cifar10", CIFAR10_VERSIONS)
    binary = read_cifar_folder(samples.cifar10_binary(tmp_path / "b"), "cifar10", CIFAR10_VERSIONS)
    x, y = (np.concatenate(parts) for parts in samples.cifar_batches(6, 10))
    for raw in (python, binary):
        assert np.array_equal(raw.x, x)
        assert np.array_equal(raw.y, y)
        assert raw.sizes == (200, 0, 40)
    assert (python.class_names[3], binary.class_names[3]) == ("thing 3", "thing3")


def test_cifar100_takes_the_fine_labels(samples, tmp_path):
    python = read_cifar_folder(samples.cifar100_python(tmp_path / "a"), "cifar100", CIFAR100_VERSIONS)
    binary = read_cifar_folder(samples.cifar100_binary(tmp_path / "b"), "cifar100", CIFAR100_VERSIONS)
    assert np.array_equal(python.x, binary.x)
    assert len(np.unique(python.y)) == len(np.unique(binary.y)) == 100
    assert python.class_names[99] == "thing99"


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_name_finds_the_folder_of_the_variable(samples, tmp_path, monkeypatch, name):
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path))
    getattr(samples, f"{name}_python")(tmp_path / name / {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}[name])
    problem = load_problem(name).problem
    assert (problem.name, problem.input_shape, problem.augmentation) == (name, (3, 32, 32), ("crop", "flip", "cutout"))
    assert problem.outputs == {"cifar10": 10, "cifar100": 100}[name]


def test_an_archive_is_fetched_checked_and_unpacked(samples, tmp_path, monkeypatch):
    samples.cifar10_binary(tmp_path / "there" / "cifar-10-batches-bin")
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "there" / "cifar-10-batches-bin", "cifar-10-batches-bin")
    archive = tmp_path / "cifar-10-binary.tar.gz"
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = locate(Files("cifar10", (Download(archive.as_uri(), md5),)), lambda folder: any(folder.glob("*/test_batch.bin")))
    assert folder == tmp_path / "cache" / "archwright" / "cifar10"
    assert read_cifar_folder(folder, "cifar10", CIFAR10_VERSIONS).sizes == (200, 0, 40)
    assert [entry.name for entry in folder.iterdir()] == ["cifar-10-batches-bin"]


def test_an_archive_cannot_write_elsewhere(tmp_path):
    archive = tmp_path / "inside" / "evil.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        entry = tarfile.TarInfo("../../evil")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    item = Download(archive.as_uri(), hashlib.md5(archive.read_bytes()).hexdigest())
    with pytest.raises(DataError, match=r"evil\.tar\.gz cannot be read"):
        download([item], tmp_path / "cache" / "some")
    assert not list(tmp_path.rglob("evil"))


def test_damaged_batches_are_refused(samples, tmp_path):
    binary = samples.cifar10_binary(tmp_path / "b")
    file = binary / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_2\.bin has 122919 bytes, which is not a multiple of 3073"):
        load_problem(binary)
    python = samples.cifar10_python(tmp_path / "p")
    file = python / "data_batch_2"
    file.write_bytes(file.read_bytes()[:-5000])
    with pytest.raises(DataError, match="data_batch_2 cannot be read"):
        load_problem(python)
    (python / "data_batch_2").write_bytes(b"\x80\x02}.")
    with pytest.raises(DataError, match="must be a dictionary with 'data' and 'labels'"):
        load_problem(python)
    with pytest.raises(DataError, match="has no files of cifar10"):
        read_cifar_folder(tmp_path, "cifar10", CIFAR10_VERSIONS)
