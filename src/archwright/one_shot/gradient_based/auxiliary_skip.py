"""DARTS-: an auxiliary skip connection on every edge, so that the candidate skip connection has no unfair advantage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def auxiliary_skip_weight(done: float) -> float:
    """Chu et al. 2021, arXiv:2009.01027, section 3.2: beta decays linearly from 1 to 0. done: fraction of the search, in [0, 1]."""
    return 1.0 - done


@contextmanager
def without_auxiliary_skip(supernet: Any) -> Iterator[None]:
    """The supernet without auxiliary skip connections, like the networks extracted from it; no effect if it has none."""
    weight = getattr(supernet, "auxiliary_skip", 0.0)
    if weight:
        supernet.auxiliary_skip = 0.0
    try:
        yield
    finally:
        if weight:
            supernet.auxiliary_skip = weight
