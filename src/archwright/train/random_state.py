"""All random states of a training: seeding, saving and restoring them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - user code may draw from it
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """The random states as tensors and plain Python; long lists as tensors, which are saved a hundred times faster."""
    version, python, python_normal = random.getstate()
    name, numpy, *numpy_rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "python": (version, torch.tensor(python), python_normal),
        "numpy": (name, torch.from_numpy(np.asarray(numpy, dtype=np.int64)), *numpy_rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Restore what `random_state` returned."""
    version, python, python_normal = state["python"]
    random.setstate((version, tuple(python.tolist()), python_normal))
    name, numpy, *numpy_rest = state["numpy"]
    np.random.set_state((name, numpy.numpy().astype(np.uint32), *numpy_rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
