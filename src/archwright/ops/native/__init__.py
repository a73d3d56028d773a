"""The compiled kernel of the fused mixed operation: optional, built for the local machine by `make native`."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import torch

from archwright.ops.mixed_sum_kernel import Kernel, PlainKernel
from archwright.ops.native.native_kernel import NativeKernel

FOLDER = Path(__file__).parent


def sources() -> list[Path]:
    """The C++ files, including headers."""
    return sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")])


def library() -> Path:
    """The path of the library for these sources and this version of torch; its name changes with either of them."""
    digest = hashlib.sha256(torch.__version__.encode())
    for source in sources():
        digest.update(source.read_bytes())
    return FOLDER / f"kernel-{digest.hexdigest()[:16]}.so"


@cache
def compiled_kernel() -> Kernel | None:
    """The compiled kernel; None if it is not built."""
    path = library()
    if not path.is_file():
        return None
    torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    return NativeKernel()


def fastest_kernel() -> Kernel:
    """The compiled kernel if it is built, otherwise the plain one."""
    return compiled_kernel() or PlainKernel()
