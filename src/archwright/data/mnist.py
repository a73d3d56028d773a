"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747): four IDX files each."""

from __future__ import annotations

from pathlib import Path

from archwright.data.dataset import Dataset
from archwright.data.dataset_files import Download, Files, locate
from archwright.data.idx_files import find_idx, read_idx_folder
from archwright.data.raw_data import RawData

FASHION_CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _downloads(root: str, checksums: dict[str, str]) -> tuple[Download, ...]:
    return tuple(Download(f"{root}/{name}.gz", md5) for name, md5 in checksums.items())


FASHION_FILES = Files(
    "fashion-mnist",
    _downloads(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        {
            "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    ("/usr/share/datasets/fashion-mnist",),
    "dataset-fashion-mnist",
)
MNIST_FILES = Files(
    "mnist",
    _downloads(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        {
            "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
)


def has_all_four(folder: Path) -> bool:
    """Whether `folder` has the training and test images and labels."""
    return all(find_idx(folder, part, what) for part in ("train", "test") for what in ("images", "labels"))


def read_fashion_mnist() -> RawData:
    """Articles of clothing, uint8, 60,000 for training and 10,000 for testing."""
    folder = locate(FASHION_FILES, has_all_four)
    return read_idx_folder(folder, "fashion-mnist", FASHION_CLASSES, ("crop", "flip", "cutout"))


def read_mnist() -> RawData:
    """Handwritten digits, uint8, 60,000 for training and 10,000 for testing."""
    return read_idx_folder(locate(MNIST_FILES, has_all_four), "mnist", tuple("0123456789"), ("crop",))


FASHION_MNIST = Dataset(
    "fashion-mnist",
    "articles of clothing, 28x28 grey",
    "classification",
    (1, 28, 28),
    10,
    70000,
    "MIT",
    "Debian package dataset-fashion-mnist, or github.com/zalandoresearch/fashion-mnist",
    read_fashion_mnist,
)
MNIST = Dataset(
    "mnist",
    "handwritten digits, 28x28 grey",
    "classification",
    (1, 28, 28),
    10,
    70000,
    "CC BY-SA 3.0",
    "the four IDX files from yann.lecun.com/exdb/mnist",
    read_mnist,
)
