"""Early stopping, once the ranking of the candidates no longer changes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from archwright.architecture.cell_graph import NONE
from archwright.network.supernet import Mixture

PARAMETER_FREE = (NONE, "skip_connect")


class RankStability:
    """DARTS+ (Liang et al. 2019, arXiv:1909.06035), criterion 1*: the ranking of the learnable candidates is stable.

    The ranking is stable if it has not changed for `patience` epochs; 0 never stops. Learnable candidates are all except `none`,
    skip connections and pooling; if an edge has no learnable candidates, all of them are ranked.
    """

    def __init__(self, mixture: Mixture, patience: int) -> None:
        self.patience = patience
        self.positions = [_learnable(edge.candidates) for edge in mixture.edges]
        self.ranking: list[list[int]] = []
        self.unchanged = 0

    def observe(self, gates: Tensor) -> None:
        """Compares the gates of another epoch, (edges, most candidates), with the last."""
        rows = gates.tolist()
        ranking = [sorted(positions, key=lambda i, row=row: -row[i]) for row, positions in zip(rows, self.positions, strict=True)]  # type: ignore[misc]
        self.unchanged = self.unchanged + 1 if ranking == self.ranking else 0
        self.ranking = ranking

    @property
    def stop_reason(self) -> str:
        """Why the search may stop, as a message; empty as long as it must not."""
        if self.patience == 0 or self.unchanged < self.patience:
            return ""
        return f"stopped early: the order of the candidates has not changed for {self.patience} epochs"

    def state_dict(self) -> dict[str, Any]:
        return {"ranking": self.ranking, "unchanged": self.unchanged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.ranking, self.unchanged = state["ranking"], state["unchanged"]


def _learnable(candidates: tuple[str, ...]) -> list[int]:
    found = [i for i, name in enumerate(candidates) if name not in PARAMETER_FREE and "pool" not in name]
    return found or list(range(len(candidates)))
