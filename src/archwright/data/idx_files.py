"""IDX files, the format of MNIST (LeCun's description): big-endian sizes, then the values; plain or gzipped."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from archwright.data.arrays import PARTS
from archwright.data.raw_data import Array, RawData, join_parts
from archwright.data.read_errors import reading
from archwright.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PREFIXES = {"train": "train", "val": "val", "test": "t10k"}


def read_idx(path: Path) -> Array:
    """The array in one IDX file. Raises DataError if the header is not an IDX header or values are missing."""
    with reading(path, "an IDX file"):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
            raise DataError(
                f"{path} is not an IDX file: it begins with {content[:4].hex() or 'nothing'} instead of 0000, a type and the axes"
            )
        axes, header = content[3], 4 + 4 * content[3]
        shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
        kind = np.dtype(TYPES[content[2]])
        needed = header + math.prod(shape) * kind.itemsize
        if len(content) != needed:
            raise DataError(f"{path} has {len(content)} bytes, but shape {shape} needs {needed}: it is truncated or damaged")
        values = np.frombuffer(content, kind, offset=header).reshape(shape)
    return values.astype(kind.newbyteorder("="), copy=False)


def idx_names(part: str, what: str) -> tuple[str, ...]:
    """The possible names of a file; `what`: "images" or "labels"."""
    axes = {"images": 3, "labels": 1}[what]
    stems = (f"{PREFIXES[part]}-{what}-idx{axes}-ubyte", f"{PREFIXES[part]}-{what}.idx{axes}-ubyte")
    return tuple(stem + ending for stem in stems for ending in ("", ".gz"))


def find_idx(folder: Path, part: str, what: str) -> Path | None:
    """The file with these images or labels in `folder`, or None."""
    return next((folder / name for name in idx_names(part, what) if (folder / name).is_file()), None)


def has_idx_files(folder: Path) -> bool:
    """Whether a folder has any of the IDX files."""
    return any(find_idx(folder, part, what) for part in PARTS for what in ("images", "labels"))


def read_idx_folder(
    folder: Path, name: str, class_names: tuple[str, ...] = (), augmentation: tuple[str, ...] = (), *, targets_needed: bool = True
) -> RawData:
    """Training images and, if they exist, validation (`val-...`) and test (`t10k-...`) images, with their labels."""
    pairs: dict[str, tuple[Array, Array | None]] = {}
    for part in PARTS:
        images, labels = (find_idx(folder, part, what) for what in ("images", "labels"))
        if images is None and labels is None and (part != "train" or not targets_needed):
            continue
        if images is None or (labels is None and targets_needed):
            missing = idx_names(part, "labels" if images else "images")[0]
            raise DataError(f"{folder} has no {missing} (plain or .gz): add it, since images and labels are needed together")
        pairs[part] = (read_idx(images), read_idx(labels) if labels and targets_needed else None)
    where = f"{name} ({folder})"
    x, y, sizes = join_parts(pairs, where)
    layout = "image" if x.ndim in (3, 4) else None
    return RawData(name, where, x, y, sizes, class_names, layout=layout, augmentation=augmentation)
