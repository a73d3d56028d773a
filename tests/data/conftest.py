"""Small files of every supported type. No test may reach the user's own data folders or the network."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


class Samples:
    """Writes sources into folders, with numbers from a fixed seed, so that two writers of the same thing agree."""

    def images(self, rows: int = 40, shape: tuple[int, ...] = (12, 12), classes: int = 4):
        rng = np.random.default_rng(5)
        return rng.integers(0, 256, (rows, *shape), dtype=np.uint8), np.arange(rows, dtype=np.int64) % classes

    def idx_bytes(self, values: np.ndarray) -> bytes:
        codes = {"uint8": 0x08, "int32": 0x0C, "float32": 0x0D}
        sizes = b"".join(struct.pack(">I", size) for size in values.shape)
        return (
            bytes([0, 0, codes[values.dtype.name], values.ndim]) + sizes + values.astype(values.dtype.newbyteorder(">")).tobytes()
        )

    def idx_folder(self, folder: Path, *, dots: bool = False, zipped: bool = True, rows: int = 40) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, count in (("train", rows), ("t10k", rows // 2)):
            x, y = self.images(count)
            for what, axes, values in (("images", 3, x), ("labels", 1, y.astype(np.uint8))):
                name = f"{part}-{what}{'.' if dots else '-'}idx{axes}-ubyte"
                content = self.idx_bytes(values)
                (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
        return folder

    def text(self, file: Path) -> Path:
        file.write_text("To be, or not to be: that is the question.\n" * 30, encoding="utf-8")
        return file

    def penn_treebank(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, lines in (("train", 30), ("valid", 10), ("test", 12)):
            (folder / f"ptb.{part}.txt").write_text(" no it was n't <unk> monday \n" * lines, encoding="utf-8")
        return folder

    def cifar_batches(self, parts: int, classes: int):
        x, y = self.images(parts * 4 * classes, (3, 32, 32), classes)
        return np.split(x, parts), np.split(y, parts)

    def cifar10_python(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        xs, ys = self.cifar_batches(6, 10)
        names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
        for name, x, y in zip(names, xs, ys, strict=True):
            (folder / name).write_bytes(python2_batch(b"labels", x.reshape(len(x), -1), y))
        (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"thing {i}" for i in range(10)]}, protocol=2))
        return folder

    def cifar10_binary(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        xs, ys = self.cifar_batches(6, 10)
        names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
        for name, x, y in zip(names, xs, ys, strict=True):
            (folder / name).write_bytes(np.column_stack([y.astype(np.uint8), x.reshape(len(x), -1)]).tobytes())
        (folder / "batches.meta.txt").write_text("\n".join(f"thing{i}" for i in range(10)) + "\n\n")
        return folder

    def cifar100_python(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        xs, ys = self.cifar_batches(2, 100)
        for name, x, y in zip(("train", "test"), xs, ys, strict=True):
            table = {b"data": x.reshape(len(x), -1), b"coarse_labels": [0] * len(y), b"fine_labels": y.tolist()}
            (folder / name).write_bytes(pickle.dumps(table, protocol=2))
        meta = {b"fine_label_names": [f"thing{i}".encode() for i in range(100)], b"coarse_label_names": [b"a"]}
        (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
        return folder

    def cifar100_binary(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        xs, ys = self.cifar_batches(2, 100)
        for name, x, y in zip(("train.bin", "test.bin"), xs, ys, strict=True):
            coarse = np.zeros(len(y), np.uint8)
            (folder / name).write_bytes(np.column_stack([coarse, y.astype(np.uint8), x.reshape(len(x), -1)]).tobytes())
        return folder

    def image_folder(self, folder: Path, *, mode: str = "RGB", suffix: str = ".png", rows: int = 30) -> Path:
        x, y = self.images(rows, (9, 11, 3), 3)
        for i, (pixels, label) in enumerate(zip(x, y, strict=True)):
            place = folder / ("ant", "bee", "cat")[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).convert(mode).save(place / f"{i:03}{suffix}")
        return folder

    def table(self, file: Path, rows: int = 60) -> Path:
        rng = np.random.default_rng(6)
        lines = ["mass,flat,length,kind,yield"]
        for i in range(rows):
            mass, length = rng.normal(5, 2), rng.normal(-1, 0.1)
            lines.append(f"{mass:.6f},3.5,{length:.6f},{('NA', 'iron', 'gold')[i % 3]},{2 * mass + length:.6f}")
        file.write_text("\n".join(lines) + "\n")
        return file


def python2_batch(key: bytes, data: np.ndarray, labels: np.ndarray) -> bytes:
    """A CIFAR batch, byte for byte as Python 2 and its numpy pickled it (protocol 2, 8-bit strings)."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    integers = b"(" + b"".join(b"K" + bytes([int(label)]) for label in labels) + b"e"
    shape = b"".join(b"M" + struct.pack("<H", size) for size in data.shape) + b"\x86"
    content = b"T" + struct.pack("<I", data.size) + data.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
        b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + content + b"tb"
    )
    return b"\x80\x02}(" + text(b"batch_label") + text(b"batch") + text(key) + b"]" + integers + text(b"data") + array + b"u."


@pytest.fixture(scope="session")
def samples() -> Samples:
    return Samples()


@pytest.fixture(scope="module", autouse=True)
def _nobody_elses_data(tmp_path_factory):
    """No data folder, an empty cache, and a proxy that refuses connections, so that downloads fail at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ARCHWRIGHT_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for scheme in ("http", "https"):
            patch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
        yield
