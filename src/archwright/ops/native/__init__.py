"""The compiled kernel of the fused mixed operation: optional, built by `make native`."""

from __future__ import annotations

from archwright.ops.kernels import Kernel


def compiled_kernel() -> Kernel | None:
    """The compiled kernel; None where it is not built."""
    return None
