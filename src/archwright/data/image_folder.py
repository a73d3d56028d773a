"""Folders of images with one sub-folder per class, or with `train`, `val` and `test` folders that have one per class.

All images must have the same size. If any is in colour, all become RGB (transparency is dropped), else all are grey, as bytes, or
unchanged if they have 16 bits or floats.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from archwright.data.arrays import PARTS
from archwright.data.raw_data import Array, RawData
from archwright.data.read_errors import reading
from archwright.errors import DataError
from archwright.formatting import plural

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
GREY = {"1", "L", "LA"}
DEEP_GREY = {"I;16", "I;16B", "I;16L", "I", "F"}


def images_in(folder: Path) -> list[Path]:
    """The images directly in `folder`, sorted by name."""
    return sorted(
        file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )


def read_image_folder(folder: Path, *, colour: bool = False) -> RawData:
    """Images in order of split, class and name, labels as texts; all RGB if `colour`.

    Raises DataError if an image is unreadable or of another size.
    """
    parts = _part_folders(folder)
    listed = [(part, label, file) for part, root in parts.items() for label, file in _labelled(root)]
    files = [file for _, _, file in listed]
    x, notes = read_images(files, colour=colour)
    counts = Counter(part for part, _, _ in listed)
    sizes = None if "" in parts else (counts["train"], counts["val"], counts["test"])
    labels = np.array([label for _, label, _ in listed])
    notes += _left_out(list(parts.values()), folder)
    return RawData(folder.resolve().name, str(folder), x, labels, sizes, layout="image", augmentation=("crop", "flip"), notes=notes)


def read_images(files: list[Path], *, colour: bool = False) -> tuple[Array, tuple[str, ...]]:
    """All images as (N, 1, H, W) or (N, 3, H, W) (always 3 channels if `colour`), and the assumptions made."""
    modes = [_size_and_mode(file) for file in files]
    for file, (size, _) in zip(files, modes, strict=True):
        if size != modes[0][0]:
            first, other = (f"{width}x{height}" for width, height in (modes[0][0], size))
            raise DataError(
                f"{files[0]} is {first} and {file} is {other}: resize all to one size (for example: mogrify -resize {first}! *)"
            )
    kinds = {mode for _, mode in modes} | ({"RGB"} if colour else set())
    target, notes = _common_mode(kinds, files, [mode for _, mode in modes])
    images = np.stack([_decode(file, target) for file in files])
    return (images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))), notes


def _part_folders(folder: Path) -> dict[str, Path]:
    below = _sub_folders(folder)
    names = {sub.name for sub in below}
    if "train" in names and names <= set(PARTS) and _sub_folders(folder / "train"):
        return {part: folder / part for part in PARTS if part in names}
    return {"": folder}


def _sub_folders(folder: Path) -> list[Path]:
    return sorted(sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith("."))


def _labelled(root: Path) -> list[tuple[str, Path]]:
    classes = _sub_folders(root)
    if not classes:
        raise DataError(
            f"{root} has no sub-folders (nor IDX or CIFAR files): put the images of each class into a sub-folder named after it"
        )
    for sub in classes:
        if not images_in(sub):
            raise DataError(f"{sub} has no images ({', '.join(SUFFIXES)}): add images of this class, or delete the folder")
    return [(sub.name, file) for sub in classes for file in images_in(sub)]


def _left_out(roots: list[Path], folder: Path) -> tuple[str, ...]:
    places = dict.fromkeys([folder, *roots, *(sub for root in roots for sub in _sub_folders(root))])
    tops = {folder, *roots}
    extra = [e for p in places for e in sorted(p.iterdir()) if not e.name.startswith(".") and _is_extra(e, p in tops)]
    return (
        (f"ignored {plural(len(extra), 'entry', 'entries')} that are not images in a class folder, such as {extra[0]}",)
        if extra
        else ()
    )


def _is_extra(entry: Path, at_top: bool) -> bool:
    return entry.is_file() if at_top else entry.is_dir() or entry.suffix.lower() not in SUFFIXES


def _size_and_mode(file: Path) -> tuple[tuple[int, int], str]:
    from PIL import Image

    try:
        with reading(file, "an image"), Image.open(file) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise DataError(f"{file} has {getattr(image, 'n_frames', 1)} frames: save each as its own image")
            return image.size, image.mode
    except Image.DecompressionBombError as error:
        raise DataError(f"{file} is too large ({error}): cut it into smaller images") from None


def _common_mode(kinds: set[str], files: list[Path], modes: list[str]) -> tuple[str, tuple[str, ...]]:
    """The mode that all images are converted to; "" leaves them unchanged (16 bits and floats)."""
    if kinds <= GREY:
        return "L", ()
    deep = kinds & DEEP_GREY
    if deep and kinds <= DEEP_GREY:
        return "", ()
    if deep:
        one, other = (next(f for f, m in zip(files, modes, strict=True) if (m in DEEP_GREY) is deeper) for deeper in (True, False))
        raise DataError(f"{one} has more than 8 bits and {other} has 8: save all images with the same depth")
    if kinds == {"RGB"}:
        return "RGB", ()
    return "RGB", (f"images of modes {', '.join(sorted(kinds))} were all converted to RGB",)


def _decode(file: Path, mode: str) -> Array:
    from PIL import Image

    with reading(file, "an image"), Image.open(file) as image:
        opaque: Any = image.convert("RGBA") if "transparency" in image.info else image
        return np.asarray(opaque.convert(mode) if mode else image)
