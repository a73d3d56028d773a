"""DARTS-: a skip connection beside every edge takes the advantage of stability away from the one that is to be chosen."""

from __future__ import annotations

from typing import Any


def auxiliary_skip_weight(done: float) -> float:
    """Chu et al. 2021, arXiv:2009.01027, section 3.2: beta falls from 1 to 0 (linearly). done: share of the search, in [0, 1]."""
    return 1.0 - done


class FadingSkip:
    """Keeps the auxiliary skip connections of a supernet at their weight of the moment; does nothing where it has none."""

    def __init__(self, supernet: Any, *, active: bool) -> None:
        self.supernet = supernet
        self.active = active

    def at(self, done: float) -> None:
        """As it should be at this share of the search."""
        if self.active:
            self.supernet.auxiliary_skip = auxiliary_skip_weight(done)

    def off(self) -> None:
        """As the networks are that will be extracted."""
        if self.active:
            self.supernet.auxiliary_skip = 0.0
