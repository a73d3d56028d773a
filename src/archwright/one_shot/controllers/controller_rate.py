"""How fast a controller learns: as in the paper, but a short search must come to a decision too."""

from __future__ import annotations

from archwright.one_shot.method import ControllerMethod

PUBLISHED_RATE, PUBLISHED_UPDATES = 3.5e-4, 300_000
"""2,000 updates an epoch for 150 epochs on Penn Treebank (Pham et al. 2018, arXiv:1802.03268, sections 2.2 and 3.1)."""
LARGEST_RATE = 0.005


def controller_rate(method: ControllerMethod, updates: int) -> float:
    """The learning rate of the controller for a search of so many updates.

    Differs: where it is left unset and there are fewer updates than in the paper, the paper's rate grows so that weights may go as
    far in all, up to 0.005 (see `alpha_rate.py`).
    """
    if method.controller_learning_rate is not None:
        return method.controller_learning_rate
    return float(min(LARGEST_RATE, PUBLISHED_RATE * max(1.0, PUBLISHED_UPDATES / max(1, updates))))
