"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the authors' binary version, or their Python version, read without running pickles.

A binary record is one label byte (CIFAR-100: coarse, then fine) and 3,072 pixel bytes, channels first. The Python version
contains the same as pickled dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwright.data.dataset import Dataset
from archwright.data.dataset_files import Download, Files, locate
from archwright.data.pickled_data import as_text, read_pickled_data, values_of
from archwright.data.raw_data import Array, RawData
from archwright.data.read_errors import reading
from archwright.errors import DataError

PIXELS = 3 * 32 * 32
AUGMENTATION = ("crop", "flip", "cutout")


@dataclass(frozen=True)
class Version:
    """One version of the data set: a folder with these files. `label`: the index of the label byte, or the dictionary key."""

    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    label: int | str
    labels: int = 1


CIFAR10_VERSIONS = (
    Version("cifar-10-batches-bin", tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", "batches.meta.txt", 0),
    Version("cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta", "labels"),
)
CIFAR100_VERSIONS = (
    Version("cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt", 1, labels=2),
    Version("cifar-100-python", ("train",), "test", "meta", "fine_labels"),
)


def find_cifar(folder: Path, versions: tuple[Version, ...]) -> tuple[Path, Version] | None:
    """The folder with all files of one version: `folder` itself, or the one inside it with the standard name."""
    for version in versions:
        for candidate in (folder, folder / version.folder):
            if all((candidate / name).is_file() for name in (*version.train, version.test)):
                return candidate, version
    return None


def read_cifar_folder(folder: Path, name: str, versions: tuple[Version, ...]) -> RawData:
    """Training batches, then the test batch: (N, 3, 32, 32) uint8. Raises DataError if a batch is damaged."""
    found = find_cifar(folder, versions)
    if found is None:
        expected = " or ".join(f"{version.folder} with {', '.join((*version.train, version.test))}" for version in versions)
        raise DataError(f"{folder} has no files of {name}: it needs {expected}")
    folder, version = found
    read = _read_binary if isinstance(version.label, int) else _read_python
    batches = [read(folder / file, version) for file in (*version.train, version.test)]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    n_test = len(batches[-1][1])
    names = _class_names(folder / version.names)
    sizes = (len(y) - n_test, 0, n_test)
    return RawData(name, f"{name} ({folder})", x, y, sizes, names, layout="image", augmentation=AUGMENTATION)


def _read_binary(path: Path, version: Version) -> tuple[Array, Array]:
    with reading(path, "a CIFAR batch"):
        content = np.frombuffer(path.read_bytes(), np.uint8)
        record = version.labels + PIXELS
        if len(content) % record:
            raise DataError(f"{path} has {len(content)} bytes, which is not a multiple of {record}: it is truncated or damaged")
        table = content.reshape(-1, record)
    return table[:, version.labels :].reshape(-1, 3, 32, 32), table[:, int(version.label)].astype(np.int64)


def _read_python(path: Path, version: Version) -> tuple[Array, Array]:
    batch = read_pickled_data(path)
    key = str(version.label)
    if not isinstance(batch, dict) or not {"data", key} <= set(batch):
        raise DataError(f"{path} is not a CIFAR batch: it must be a dictionary with 'data' and {key!r}")
    pixels, labels = values_of(batch["data"], str(path)), values_of(batch[key], str(path))
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), PIXELS) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {pixels.dtype} data {pixels.shape}, labels {labels.shape} are not a CIFAR batch of (N, {PIXELS}) bytes"
        )
    return pixels.reshape(-1, 3, 32, 32), labels.astype(np.int64)


def _class_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    if path.suffix == ".txt":
        with reading(path, "a list of class names"):
            return tuple(path.read_text(encoding="utf-8").split())
    meta = read_pickled_data(path)
    names = meta.get("fine_label_names") or meta.get("label_names") or [] if isinstance(meta, dict) else []
    return tuple(as_text(name) for name in names)


def _files(name: str, archive: str, md5: str) -> Files:
    return Files(name, (Download(f"https://www.cs.toronto.edu/~kriz/{archive}", md5),))


CIFAR10_FILES = _files("cifar10", "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")
CIFAR100_FILES = _files("cifar100", "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")


def read_cifar10() -> RawData:
    """Ten classes of objects, 50,000 images for training and 10,000 for testing."""
    folder = locate(CIFAR10_FILES, lambda folder: find_cifar(folder, CIFAR10_VERSIONS) is not None)
    return read_cifar_folder(folder, "cifar10", CIFAR10_VERSIONS)


def read_cifar100() -> RawData:
    """A hundred classes of objects, 50,000 images for training and 10,000 for testing."""
    folder = locate(CIFAR100_FILES, lambda folder: find_cifar(folder, CIFAR100_VERSIONS) is not None)
    return read_cifar_folder(folder, "cifar100", CIFAR100_VERSIONS)


def _dataset(name: str, description: str, outputs: int, read: Callable[[], RawData]) -> Dataset:
    licence = "none stated: cite Krizhevsky 2009"
    return Dataset(
        name, description, "classification", (3, 32, 32), outputs, 60000, licence, "www.cs.toronto.edu/~kriz/cifar.html", read
    )


CIFAR10 = _dataset("cifar10", "photographs of ten classes of objects, 32x32 colour", 10, read_cifar10)
CIFAR100 = _dataset("cifar100", "photographs of a hundred classes of objects, 32x32 colour", 100, read_cifar100)
