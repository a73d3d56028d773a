"""Reads every kind of source, by name, path or type: data sets, files, folders, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from archwright.data.arrays import Arrays, given_pairs
from archwright.data.cifar import CIFAR10_VERSIONS, CIFAR100_VERSIONS, find_cifar, read_cifar_folder
from archwright.data.csv_file import read_csv, read_csv_features
from archwright.data.datasets import dataset_names, find_dataset
from archwright.data.idx_files import has_idx_files, read_idx_folder
from archwright.data.image_folder import images_in, read_image_folder, read_images
from archwright.data.npz_file import read_npz
from archwright.data.problem import Problem
from archwright.data.raw_data import Array, RawData, join_parts
from archwright.data.raw_text import RawText
from archwright.data.text_file import is_penn_treebank, is_text, read_penn_treebank, read_text_file
from archwright.errors import DataError, did_you_mean

Source = str | Path | Arrays
CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
SUPPORTED_SOURCES = (
    "the path of an .npz file, a .csv file, a text (.txt), a folder of images with one sub-folder per class, "
    "or a folder of IDX, CIFAR or Penn Treebank files"
)


def read_source(source: Source, target: Sequence[str] = ()) -> RawData | RawText:
    """The rows of a source, or its text, unchanged. Raises DataError if the source does not exist or cannot be read."""
    if target and not (isinstance(source, (str, Path)) and _is_table(Path(source))):
        raise DataError(f"--target names columns of a .csv file, but {_name(source)} is not one: leave it out")
    if isinstance(source, Arrays):
        x, y, sizes = join_parts(source.pairs(), source.name)
        return RawData(source.name, source.name, x, y, sizes, layout=source.layout)
    if isinstance(source, str) and source in dataset_names():
        raw = find_dataset(source).read()
        if not Path(source).exists():
            return raw
        shadowed = f"the data set {source!r} was used: for the file or folder of that name, give ./{source}"
        return replace(raw, notes=(*raw.notes, shadowed))
    return _read_path(source, target)


def read_inputs(source: Source, problem: Problem) -> tuple[Array, str]:
    """The inputs of a source, with or without targets, unchanged, and the source in words for errors."""
    if isinstance(source, Arrays):
        entries = {key: value for key, value in vars(source).items() if value is not None}
        pairs = dict(given_pairs(entries, source.name, targets_needed=False))
        return join_parts({part: (x, None) for part, (x, _) in pairs.items()}, source.name)[0], source.name
    if isinstance(source, str) and source in dataset_names():
        raw = _rows(read_source(source))
        return raw.x, raw.where
    return _read_inputs_at(Path(source), problem), str(source)


def _read_inputs_at(path: Path, problem: Problem) -> Array:
    colour = len(problem.input_shape) == 3 and problem.input_shape[0] == 3
    if path.is_file() and _is_table(path):
        return read_csv_features(path, problem.inputs, problem.names)
    if path.is_file() and path.suffix.lower() == ".npz":
        return read_npz(path, targets_needed=False).x
    if path.is_dir() and has_idx_files(path):
        return read_idx_folder(path, str(path), targets_needed=False).x
    if path.is_dir() and images_in(path):
        return read_images(images_in(path), colour=colour)[0]
    return _rows(_read_path(path, (), colour=colour)).x


def read_text(source: Source) -> RawText:
    """The text of a source. Raises DataError if it is not a text."""
    raw = read_source(source)
    if not isinstance(raw, RawText):
        raise DataError(f"{raw.where} is not a text, which a language model needs: give a .txt file")
    return raw


def _rows(raw: RawData | RawText) -> RawData:
    if isinstance(raw, RawText):
        raise DataError(f"{raw.where} is a text: give rows of numbers like those that the model was trained on")
    return raw


def _read_path(source: str | Path, target: Sequence[str], *, colour: bool = False) -> RawData | RawText:
    path = Path(source)
    if not path.exists():
        raise DataError(_unknown(source))
    if path.is_dir():
        return _read_folder(path, colour)
    if _is_table(path):
        return read_csv(path, target)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if is_text(path):
        return read_text_file(path)
    raise DataError(f"{path}: unsupported file type: give {SUPPORTED_SOURCES}")


def _read_folder(folder: Path, colour: bool) -> RawData | RawText:
    if is_penn_treebank(folder):
        return read_penn_treebank(folder)
    if has_idx_files(folder):
        return read_idx_folder(folder, folder.resolve().name)
    for versions in (CIFAR10_VERSIONS, CIFAR100_VERSIONS):
        if find_cifar(folder, versions):
            return read_cifar_folder(folder, folder.resolve().name, versions)
    return read_image_folder(folder, colour=colour)


def _unknown(source: str | Path) -> str:
    names = dataset_names()
    known = f"{', '.join(names)}, or give {SUPPORTED_SOURCES}"
    return f"there is no data set, file or folder {str(source)!r}{did_you_mean(str(source), names)}: choose from {known}"


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(CSV_ENDINGS)


def _name(source: Source) -> str:
    return source.name if isinstance(source, Arrays) else repr(str(source))
