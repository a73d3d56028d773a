"""The log of a one-shot search for the report: `one_shot.json`, complete after every epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from archwright.architecture.architecture import Architecture
from archwright.atomic_file import written_atomically
from archwright.network.supernet import Mixture

FILE = "one_shot.json"
DECIMALS = 6


class SearchLog:
    """One entry per epoch: the expected gates, the snapshot, its shared-weight score, and whether the snapshot counts yet.

    Saved with the checkpoint, so that a resumed search continues the same log.
    """

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        self.entries: list[dict[str, Any]] = []

    def add(self, gates: Tensor, snapshot: Architecture, score: float, *, counts: bool) -> None:
        """gates: (edges, most candidates)."""
        rows = gates.cpu().tolist()
        weights = [
            [round(value, DECIMALS) for value in row[: len(edge.candidates)]]
            for row, edge in zip(rows, self.mixture.edges, strict=True)
        ]
        self.entries.append({"weights": weights, "architecture": snapshot.to_json(), "score": score, "counts": counts})

    def snapshots(self, curve: Sequence[Mapping[str, float]]) -> list[tuple[Architecture, float]]:
        """The snapshots that count, with their epochs, latest first."""
        pairs = [
            (Architecture.from_json(entry["architecture"]), record["epoch"])
            for entry, record in zip(self.entries, curve, strict=True)
            if entry["counts"]
        ]
        return pairs[::-1]

    def state_dict(self) -> dict[str, Any]:
        return {"entries": list(self.entries)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.entries = list(state["entries"])


@dataclass(frozen=True, eq=False)
class SearchReport:
    """The writer of `one_shot.json`, with what the file holds besides the epochs."""

    folder: Path
    method: str
    settings: Mapping[str, Any]
    search_log: SearchLog

    def write(
        self,
        curve: Sequence[Mapping[str, float]],
        discretization: Mapping[str, Any] | None = None,
        stopped: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Rewrites the whole file. curve: the training loop's records, one per entry of the search log."""
        edges = [
            {"name": edge.name, "candidates": list(edge.candidates), "target": edge.target}
            for edge in self.search_log.mixture.edges
        ]
        epochs = [{"temperature": None, **record, **entry} for record, entry in zip(curve, self.search_log.entries, strict=False)]
        text = {
            "method": self.method,
            "settings": dict(self.settings),
            "edges": edges,
            "epochs": epochs,
            "discretization": discretization,
            "stopped": stopped or None,
            "notes": list(notes),
        }
        with written_atomically(self.folder / FILE) as unfinished:
            unfinished.write_text(json.dumps(text, allow_nan=False), encoding="utf-8")
