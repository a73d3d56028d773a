"""DARTS-: a skip connection beside every edge takes the advantage of stability away from the one that is to be chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def auxiliary_skip_weight(done: float) -> float:
    """Chu et al. 2021, arXiv:2009.01027, section 3.2: beta falls from 1 to 0 (linearly). done: share of the search, in [0, 1]."""
    return 1.0 - done


@contextmanager
def without_auxiliary_skip(supernet: Any) -> Iterator[None]:
    """The supernet as the networks are that will be extracted; nothing changes where it has no auxiliary skip connections."""
    weight = getattr(supernet, "auxiliary_skip", 0.0)
    if weight:
        supernet.auxiliary_skip = 0.0
    try:
        yield
    finally:
        if weight:
            supernet.auxiliary_skip = weight
