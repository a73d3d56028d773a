"""The learning rate of a controller: the paper's, but higher in a short search, which must converge, too."""

from __future__ import annotations

from archwright.one_shot.enas import ENAS

PUBLISHED_RATE, PUBLISHED_UPDATES = 3.5e-4, 300_000
"""2,000 updates per epoch for 150 epochs on Penn Treebank (Pham et al. 2018, arXiv:1802.03268, sections 2.2 and 3.1)."""
LARGEST_RATE = 0.005


def controller_rate(method: ENAS, updates: int) -> float:
    """The learning rate of the controller for a search of `updates` updates.

    Differs: if it is unset and there are fewer updates than in the paper, the paper's rate is scaled up, to at most 0.005, so that
    parameters can move as far in total (see `alpha_rate.py`).
    """
    if method.controller_learning_rate is not None:
        return method.controller_learning_rate
    return float(min(LARGEST_RATE, PUBLISHED_RATE * max(1.0, PUBLISHED_UPDATES / max(1, updates))))
