"""A training's state on disk: tensors and plain Python only, so that reading it runs no code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from archwright.atomic_file import written_atomically


def save_checkpoint(state: dict[str, Any], file: Path) -> None:
    """The whole or nothing. Raises OSError where it cannot be written."""
    with written_atomically(file) as unfinished, unfinished.open("wb") as stream:
        try:
            torch.save(state, stream)
        except RuntimeError as error:  # PyTorch's writer gives a full disk this name
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise OSError(str(error).split("\n")[0]) from error


def load_checkpoint(file: Path) -> dict[str, Any] | None:
    """What was saved; None where there is nothing, or nothing that can be read (the training then begins anew)."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError):
        return None
    return state
