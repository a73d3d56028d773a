"""Reads plain data from a pickle without running it: arrays, numbers, texts, lists and dictionaries, nothing else."""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from archwright.data.raw_data import Array, as_array
from archwright.data.read_errors import reading
from archwright.errors import DataError


def read_pickled_data(path: Path) -> Any:
    """The plain data in a pickle; the keys of a dictionary become texts. Raises DataError if it holds anything else."""
    with reading(path, "pickled data"):
        try:
            content = _PlainDataUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        except (pickle.UnpicklingError, TypeError, AttributeError, MemoryError) as error:
            raise DataError(f"{path} cannot be read as plain data ({error}): it may be damaged, so download it again") from None
    return {as_text(key): value for key, value in content.items()} if isinstance(content, dict) else content


class _PlainDataUnpickler(pickle.Unpickler):
    """Replaces the few names that arrays are made of by harmless types of its own, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which plain data do not need")
        return _ALLOWED[module, name]


class _PickledType:
    """In place of a numpy data type of plain numbers."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = as_text(code)

    def __setstate__(self, state: Any) -> None:
        self.code = as_text(state[1]).replace("|", "=") + self.code

    def numbers(self) -> np.dtype[Any]:
        if not re.fullmatch("[<>=]?[biuf][1248]", self.code):
            raise pickle.UnpicklingError(f"it holds an array of type {self.code!r}, but only plain numbers are read")
        return np.dtype(self.code)


class PickledArray:
    """In place of a numpy array; its state is version, shape, type, order and bytes."""

    def __init__(self, *_: Any) -> None:
        self.values: Array = np.zeros(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, column_order, content = state
        self.values = np.frombuffer(content, kind.numbers()).reshape(shape, order="F" if column_order else "C")


def _latin_bytes(text: str, encoding: str) -> bytes:
    """The way Python 3 writes bytes in old pickle protocols."""
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): PickledArray,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _PickledType,
    ("_codecs", "encode"): _latin_bytes,
}


def values_of(value: Any, where: str) -> Array:
    """A pickled array, or a list of numbers, as an array."""
    return value.values if isinstance(value, PickledArray) else as_array(value, where)


def as_text(value: Any) -> str:
    """A text; those that Python 2 wrote are read as bytes."""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
