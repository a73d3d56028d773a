"""The state of a training on disk: tensors and plain Python only, so that loading it runs no code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from archwright.atomic_file import written_atomically


def save_checkpoint(state: dict[str, Any], file: Path) -> None:
    """Write the state atomically. Raises OSError if it cannot be written."""
    with written_atomically(file) as unfinished, unfinished.open("wb") as stream:
        try:
            torch.save(state, stream)
        except RuntimeError as error:  # what PyTorch raises when the disk is full
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise OSError(str(error).split("\n")[0]) from error


def load_checkpoint(file: Path) -> dict[str, Any] | None:
    """The saved state; None if there is none or it cannot be read (the training then starts from scratch)."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError):
        return None
    return state
