"""How a training can fail, and the cause in words. A failed training is a result, not the end of the search."""

from __future__ import annotations

import traceback

import torch

from archwright.errors import InputError


class Diverged(ArithmeticError):
    """The loss became NaN or infinite."""


class TimedOut(TimeoutError):
    """The training took longer than its time limit."""


def cause_of(error: Exception) -> str:
    """One line: what happened and, for an error in code, where."""
    if isinstance(error, Diverged):
        return f"diverged: {error}"
    if is_out_of_memory(error):
        return f"out of memory: {_first_line(error)}"
    if isinstance(error, (TimedOut, InputError)):
        return str(error)
    return f"{type(error).__name__}: {_first_line(error)}{_place(error)}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, PyTorch's CPU allocator or a GPU ran out of memory."""
    texts = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )


def is_machine_fault(error: BaseException) -> bool:
    """Whether the same training may succeed when it is tried again: a disk, file server or GPU failed."""
    return (isinstance(error, OSError) and not isinstance(error, TimeoutError)) or "CUDA error" in str(error)


def _place(error: Exception) -> str:
    """The innermost line of code that does not belong to an installed library."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "<frozen" not in frame.filename] or frames
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no memory left" if isinstance(error, MemoryError) else str(error).strip()).split("\n")[0]
